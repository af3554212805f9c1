const isFull = Boolean(process.env['FAULT_FULL']);

/**
 * How much is tried. By default what CI has time for, with a seed that never changes; `FAULT_FULL=1`: everything,
 * with another seed each time. `FAULT_SEED` names the seed, `FAULT_SECONDS` the time for each variant of the model.
 */
export const effort = {
  isFull,
  seed: Number(process.env['FAULT_SEED'] ?? (isFull ? Math.floor(Math.random() * 1_000_000) : 2_026)),
  /** Milliseconds. */
  modelTime: 1_000 * Number(process.env['FAULT_SECONDS'] ?? (isFull ? 120 : 2)),
};
