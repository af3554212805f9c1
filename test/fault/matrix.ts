import { readFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { type Cell, OPERATIONS } from './cell.js';

const [BEGIN, END] = ['<!-- matrix: written by npm run test:full -->', '<!-- end of matrix -->'];

/** The document with these cells in the place of those that it had. */
export async function withMatrix(document: string, cells: readonly Cell[]): Promise<string> {
  const text = await readFile(document, 'utf8');
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`${document} has no place for the matrix`);
  const config = await resolveConfig(document);
  return format(`${before}${BEGIN}\n\n${matrixOf(cells)}\n\n${END}${after}`, {
    ...config,
    parser: 'markdown',
  });
}

function matrixOf(cells: readonly Cell[]): string {
  const faults = [...new Set(cells.map(({ fault }) => fault))];
  const rows = faults.map((fault) => {
    const own = cells.filter((cell) => cell.fault === fault);
    const shown = OPERATIONS.map((operation) => {
      const cell = own.find((one) => one.operation === operation);
      return cell ? `${happened(cell)} · ${Math.ceil(cell.slowest)}` : '–';
    });
    const recovery = Math.max(...own.map((cell) => cell.recovery));
    return `| ${[fault, ...shown, `${Math.ceil(recovery)}`].join(' | ')} |`;
  });
  const calls = cells.reduce((sum, cell) => sum + cell.allCalls, 0);
  const wrong = cells.filter((cell) => cell.wrong.length > 0).length;
  return [
    `| fault | ${OPERATIONS.join(' | ')} | back after |`,
    `| --- | ${OPERATIONS.map(() => '---').join(' | ')} | --- |`,
    ...rows,
    '',
    `${cells.length} cells, ${calls.toLocaleString('en')} calls, ${wrong} cells with something wrong. Node ${process.version}.`,
  ].join('\n');
}

/** What happened to more than one call in a hundred, the most frequent first. */
function happened({ outcomes, calls }: Cell): string {
  return [...outcomes]
    .filter(([, times]) => times > calls / 100)
    .sort(([, one], [, other]) => other - one)
    .map(([name]) => (name === 'CACHE_UNAVAILABLE' ? 'error' : name))
    .join(', ');
}
