/** What a request that can't be served is told: what was wrong, where, and what to do. */
import type { ErrorAnswer } from './api.ts';

export interface HttpFailure {
  readonly status: 400 | 403 | 404 | 405 | 421 | 503;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly parameter?: string;
}

export class HttpError extends Error {
  readonly failure: HttpFailure;

  constructor(failure: HttpFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function badParameter(parameter: string, message: string, hint: string): HttpError {
  return new HttpError({ status: 400, code: 'E_HTTP_PARAMETER', message, hint, parameter });
}

export function errorAnswer({ code, message, hint, parameter }: HttpFailure): ErrorAnswer {
  return { error: { code, message, hint, parameter: parameter ?? null } };
}
