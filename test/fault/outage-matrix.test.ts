import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeWith, startOwnRedis } from '../servers/index.js';
import { type Cell, OPERATIONS, runCell, SOON } from './cell.js';
import { effort } from './effort.js';
import { FAULTS } from './faults.js';
import { withMatrix } from './matrix.js';

const DOCUMENT = join(import.meta.dirname, '../../docs/outages.md');

/** All cells, or two for each fault, of other operations each time: a sample has every fault and every operation in it. */
const CELLS = FAULTS.flatMap((fault, index) => {
  const sample = [0, 3].map(
    (step) => OPERATIONS[(effort.seed + 5 * index + step) % OPERATIONS.length] as string,
  );
  return (effort.isFull ? OPERATIONS : sample).map((operation) => ({ fault, name: fault.name, operation }));
});

// Several at once, but for figures that go into the document.
describeWith('redis-server', 'While Redis fails, under load', () => {
  const cells: Cell[] = [];

  describe(
    `nobody waits for more than ${SOON} ms, nothing older is read, nothing is forgotten`,
    { concurrent: !effort.isFull },
    () => {
      it.each(CELLS)('$name: $operation', async ({ fault, operation }) => {
        const cell = await runCell(fault, operation, startOwnRedis);
        cells.push(cell);
        expect([...new Set(cell.wrong)]).toEqual([]);
      });
    },
  );

  afterAll(async () => {
    const calls = cells.reduce((sum, cell) => sum + cell.allCalls, 0);
    console.log(`Outage matrix: ${cells.length} cells, ${calls} calls, sample ${effort.seed}`);
    if (effort.isFull && cells.length === CELLS.length)
      await writeFile(DOCUMENT, await withMatrix(DOCUMENT, cells));
  });
});
