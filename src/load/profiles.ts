/**
 * What a load looks like over its time: the one table of profiles. A profile is a list of phases;
 * a phase has its share of the duration, its rate at both ends as a share of the peak, and what
 * its sales are like. Data only: schedule.ts does the arithmetic, sale-stream.ts makes the sales.
 */

/** Shares of all sales, each from 0 to 1. */
export interface SaleShares {
  /** Of the first category, the one that can be hot; the others share the rest alike. */
  readonly hot: number;
  /** Honest sales that arrive out of order, up to the watermark delay behind. */
  readonly disorder: number;
  /** Sales of windows that have closed. */
  readonly late: number;
  /** Values that are no sale. */
  readonly malformed: number;
  /** Sales of a day that has not come, which would make all others late if they counted. */
  readonly poison: number;
}

/** Those that are asked for instead of the profile's. */
export type GivenShares = { readonly [Name in keyof SaleShares]?: number | undefined };

export interface Phase extends SaleShares {
  readonly name: string;
  /** Of the duration; all phases make 1. */
  readonly share: number;
  /** Rate at the start and at the end, as shares of the peak; a straight line in between. */
  readonly from: number;
  readonly to: number;
}

const CLEAN: SaleShares = { hot: 0.25, disorder: 0, late: 0, malformed: 0, poison: 0 };
const SHOP: SaleShares = {
  hot: 0.3,
  disorder: 0.1,
  late: 0.001,
  malformed: 0.0005,
  poison: 0.0002,
};
/** At midnight phones retry, carts time out and everybody wants the same thing. */
const RUSH: SaleShares = { hot: 0.7, disorder: 0.3, late: 0.002, malformed: 0.001, poison: 0.0005 };

export const PROFILES = {
  constant: [{ name: 'constant', share: 1, from: 1, to: 1, ...CLEAN }],
  ramp: [{ name: 'ramp', share: 1, from: 0, to: 1, ...CLEAN }],
  'black-friday': [
    { name: 'calm', share: 0.15, from: 0.1, to: 0.1, ...SHOP },
    { name: 'countdown', share: 0.15, from: 0.1, to: 0.4, ...SHOP },
    { name: 'midnight', share: 0.02, from: 0.4, to: 1, ...RUSH },
    { name: 'spike', share: 0.18, from: 1, to: 1, ...RUSH },
    { name: 'plateau', share: 0.25, from: 0.6, to: 0.5, ...SHOP },
    { name: 'second wave', share: 0.15, from: 0.5, to: 0.8, ...RUSH },
    { name: 'night', share: 0.1, from: 0.8, to: 0.1, ...SHOP },
  ],
} as const satisfies Readonly<Record<string, readonly Phase[]>>;

export type ProfileName = keyof typeof PROFILES;

export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];

/** A profile's phases, with the shares that were given in place of its own. */
export function phasesOf(name: ProfileName, shares: GivenShares): readonly Phase[] {
  const given = Object.entries(shares).filter(([, share]) => share !== undefined);
  return PROFILES[name].map((phase) => ({ ...phase, ...Object.fromEntries(given) }));
}
