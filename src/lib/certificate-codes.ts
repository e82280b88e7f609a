/** OpenSSL's and Node's own codes for what this side did not like about a server's certificate. */
const CERTIFICATE_CODE =
  /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY)_|INVALID_CA$)/;

export const isCertificateCode = (code: string): boolean => CERTIFICATE_CODE.test(code);
