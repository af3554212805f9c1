declare module 'apicache' {
  const apicache: { middleware(duration: string): (...args: unknown[]) => unknown };
  export default apicache;
}
