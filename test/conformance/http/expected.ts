/** What of the suite fails, and why that is so. A test that fails is here, or something is broken. */
export const EXPECTED_FAILURES: { readonly [id: string]: string } = {
  'headers-store-Set-Cookie': 'an answer with Set-Cookie is never stored: a cookie is for one client',
  'other-set-cookie': 'an answer with Set-Cookie is never stored: a cookie is for one client',
  'method-POST': 'answers to POST are not stored, for a GET of the same URL neither',
  'vary-normalise-lang-order':
    'the order of languages of equal weight is a preference that a handler may follow',
  'vary-normalise-lang-select': 'which of the stored languages suits a client is for the handler to choose',
  'vary-normalise-space': 'whether spaces matter in a header that nobody knows is not known',
  'conditional-lm-fresh-no-lm':
    'wants 304 for a date before that of the answer; RFC 9111 §4.3.2 wants the date of the answer or a later one',
  'partial-store-partial-reuse-partial': '206 is never stored',
  'partial-store-partial-reuse-partial-byterange': '206 is never stored',
  'partial-store-partial-reuse-partial-absent': '206 is never stored',
  'partial-store-partial-reuse-partial-suffix': '206 is never stored',
  'partial-store-partial-complete': '206 is never stored',
};
