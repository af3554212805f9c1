/** PORT: the time of day, so that expiry and retention can be tried at any date. */
export abstract class Clock {
  /** Milliseconds since the epoch. */
  abstract now(): number;
}

/** The host's clock: the default everywhere. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}
