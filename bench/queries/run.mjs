// `npm run compare:queries`: installs the peers if they changed, and compares.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bench = join(import.meta.dirname, '..');
const changed = (file) => statSync(join(bench, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const shell = process.platform === 'win32'; // npm is a .cmd there

if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  const { status } = spawnSync('npm', ['--prefix', bench, 'ci'], { stdio: 'inherit', shell });
  if (status !== 0) process.exit(status ?? 1);
}
const compiled = mkdtempSync(join(tmpdir(), 'compare-queries-'));
const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    join(bench, '../test/fault/typescript.mjs'),
    join(import.meta.dirname, 'main.ts'),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', env: { ...process.env, FAULT_COMPILED: compiled } },
);
rmSync(compiled, { recursive: true, force: true });
process.exit(status ?? 1);
