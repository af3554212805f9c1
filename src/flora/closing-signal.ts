const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may arrive several times: from the terminal, and again from npm and the Nest CLI. */
const SAME_PRESS = 2_000;

/** Aborts when the process is asked to end. Who asks again later no longer wants to wait. */
export function closingSignal(): AbortSignal {
  const closing = new AbortController();
  let askedAt: number | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (askedAt !== undefined && Date.now() - askedAt > SAME_PRESS) process.exit(1);
      askedAt ??= Date.now();
      closing.abort();
    });
  }
  return closing.signal;
}
