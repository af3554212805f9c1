/**
 * The same MongoDB with another database. Not by the class URL, which knows only one host; users stay those of the
 * database that they were named for.
 */
export function withDatabase(uri: string, database: string): string {
  const [, server = '', before, query = ''] = /^(\w+(?:\+srv)?:\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(uri) ?? [];
  const options = new URLSearchParams(query);
  if (server.includes('@') && !options.has('authSource')) options.set('authSource', before || 'admin');
  return `${server}/${database}${options.size > 0 ? `?${options.toString()}` : ''}`;
}
