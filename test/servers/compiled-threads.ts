import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const SOURCE = resolve(import.meta.dirname, '../../src');
const THREAD = /new URL\('(\.\/[a-z.-]+\.thread)\.js', import\.meta\.url\)/;

/**
 * A plugin for vitest. The package starts threads from the JavaScript beside it; what the tests run is TypeScript,
 * which Node 20 doesn't take for a thread. So a thread's file, and what it imports, is compiled into a folder that
 * goes when vitest ends. None is compiled twice: a thread might just be reading it.
 */
export function compiledThreads() {
  let compile: ((entry: string) => Promise<string>) | undefined;
  return {
    name: 'compiled-threads',
    enforce: 'pre' as const,
    async transform(code: string, id: string) {
      const [, thread] = (id.startsWith(SOURCE) && THREAD.exec(code)) || [];
      if (thread === undefined) return undefined;
      compile ??= compilerInto(newFolder());
      const url = pathToFileURL(await compile(join(dirname(id), `${thread}.ts`)));
      return { code: code.replace(THREAD, `new URL('${url.href}')`), map: null };
    },
  };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flora-threads-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(resolve(SOURCE, '../node_modules'), join(folder, 'node_modules'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Gives the path of a compiled file. */
function compilerInto(out: string): (entry: string) => Promise<string> {
  const seen = new Set<string>();
  return async (entry) => {
    const { default: ts } = await import('typescript');
    const visit = (file: string): string => {
      const target = join(out, relative(SOURCE, file)).replace(/\.ts$/, '.js');
      if (seen.has(file)) return target;
      seen.add(file);
      const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
        },
        fileName: basename(file),
      });
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, outputText);
      const imported = ts.preProcessFile(outputText).importedFiles.map(({ fileName }) => fileName);
      const [, thread] = THREAD.exec(outputText) ?? [];
      for (const name of [...imported, ...(thread === undefined ? [] : [`${thread}.js`])])
        if (name.startsWith('.')) visit(resolve(dirname(file), name.replace(/\.js$/, '.ts')));
      return target;
    };
    return visit(entry);
  };
}
