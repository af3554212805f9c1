// `node --import ./test/fault/typescript.mjs some.ts`: for processes that are not run by vitest. What was compiled is
// kept in the folder that FAULT_COMPILED names, so that of many processes only the first one has to compile.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

/** `./a.js` in a TypeScript file means `./a.ts`. */
export async function resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(url)) return { url: url.href, format: 'module', shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const fileName = fileURLToPath(url);
  return { format: 'module', source: await compiled(fileName), shortCircuit: true };
}

async function compiled(fileName) {
  const text = await readFile(fileName, 'utf8');
  const folder = process.env.FAULT_COMPILED;
  if (!folder) return compile(text, fileName);
  const file = join(folder, `${createHash('sha1').update(text).digest('hex')}.js`);
  try {
    return await readFile(file, 'utf8');
  } catch {
    const source = await compile(text, fileName);
    await writeFile(`${file}.${process.pid}`, source);
    await rename(`${file}.${process.pid}`, file);
    return source;
  }
}

async function compile(text, fileName) {
  const { default: ts } = await import('typescript');
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      inlineSourceMap: true,
    },
    fileName,
  });
  return outputText;
}
