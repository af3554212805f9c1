import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { folder } from './ground.js';

const SOURCE = resolve(import.meta.dirname, '../../../src');

/** The backup module as JavaScript in a folder, for processes that are to be killed. */
export async function compiled(into?: string): Promise<string> {
  const out = into ?? (await folder());
  const parts = ['backup', 'coordination', 'errors.ts', 'duration.ts', 'environment.ts'];
  for (const part of parts) await cp(join(SOURCE, part), join(out, part), { recursive: true });
  const names = await readdir(out, { recursive: true });
  for (const name of names.filter((name) => name.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(await readFile(join(out, name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    await mkdir(dirname(join(out, name)), { recursive: true });
    await writeFile(join(out, name.replace(/ts$/, 'js')), outputText);
  }
  await writeFile(join(out, 'package.json'), '{"type":"module"}');
  await symlink(resolve(SOURCE, '../node_modules'), join(out, 'node_modules'));
  return out;
}

export interface Script {
  readonly process: ChildProcess;
  /** Settles when it has written this. */
  readonly written: (text: string) => Promise<void>;
  /** All it has written, once it has ended. */
  readonly ended: Promise<string>;
}

/** Runs a script beside the compiled module; `createBackupService`, `uri` and `directory` are given to it. */
export async function script(
  body: string,
  options: object,
  command = 'exec node script.mjs',
): Promise<Script> {
  const cwd = await compiled();
  const head = `import 'reflect-metadata';
import { createBackupService } from './backup/create-backup-service.js';
const options = ${JSON.stringify(options)};\n`;
  await writeFile(join(cwd, 'script.mjs'), head + body);
  const child = spawn('bash', ['-c', command], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const read = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve(output)));
  return {
    process: child,
    ended,
    written: async (text) => {
      while (!output.includes(text)) {
        if (child.exitCode !== null) throw new Error(`it ended without ${text}: ${output}`);
        await new Promise((wake) => setTimeout(wake, 5));
      }
    },
  };
}
