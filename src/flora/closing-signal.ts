const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may arrive several times: from the terminal, and again from npm. */
const SAME_PRESS = 2_000;
const LOOK_FOR_PARENT_EVERY = 500;

/** Aborts when the process is asked to end. Who asks again later no longer wants to wait. */
export function closingSignal(): AbortSignal {
  const closing = new AbortController();
  let askedAt: number | undefined;
  const ask = (): void => {
    if (askedAt !== undefined && Date.now() - askedAt > SAME_PRESS) process.exit(1);
    askedAt ??= Date.now();
    closing.abort();
  };
  for (const signal of SIGNALS) process.on(signal, ask);
  if (process.env['npm_lifecycle_event'] !== undefined) whenParentIsGone(() => closing.abort());
  return closing.signal;
}

/** npm passes a SIGTERM to the shell of its script and no further: this process hears of it by the shell's end. */
function whenParentIsGone(close: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || close(), LOOK_FOR_PARENT_EVERY).unref();
}
