// `npm run bench:<name>`: installs the peers if they changed, builds what is measured, runs that benchmark.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

const bench = import.meta.dirname;
const root = join(bench, '..');
const [name, ...given] = process.argv.slice(2);
const build = !given.includes('--no-build');

const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function run(command, args) {
  const shell = process.platform === 'win32'; // npm is a .cmd there
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell });
  if (status !== 0) process.exit(status ?? 1);
}

if (changed(join(bench, 'node_modules/.package-lock.json')) < changed(join(bench, 'package-lock.json'))) {
  run('npm', ['--prefix', bench, 'ci']);
}
if (build) {
  run('npm', ['run', 'build']);
  run('npx', ['tsc', '-p', bench]);
}
run('node', [
  '--expose-gc',
  join(bench, 'dist', name, 'main.js'),
  ...given.filter((arg) => arg !== '--no-build'),
]);
