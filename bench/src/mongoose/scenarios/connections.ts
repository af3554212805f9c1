/** Connections of one process: two as they come, and one with the plugin. */
export const CONNECTIONS = ['without', 'without, once more', 'registered'] as const;
