import type { Column } from '../benchmark.js';
import { middle, range, times, whole } from '../report/cells.js';
import type { Row } from '../result.js';

const seconds = (n: number): string => n.toFixed(2);
const share = (n: number): string => n.toFixed(3);
const isRaw = ({ label }: Row): boolean => label === 'mongodump';
const isRawOfTools = (row: Row): boolean => row.system === 'tools' && isRaw(row);
const isPiped = ({ label }: Row): boolean => label.includes('zstd');
const isRestore = ({ label }: Row): boolean => label === 'mongorestore';

const TIME: readonly Column<Row>[] = [
  ['s', middle('seconds', seconds)],
  ['min..max', range('seconds', seconds)],
  ['CPU s', middle('cpuSeconds', seconds)],
];

export const COLUMNS: Readonly<Record<string, readonly Column<Row>[]>> = {
  create: [
    ...TIME,
    ['MB/s', middle('speed', whole)],
    ['speed × mongodump', times('speed', isRawOfTools)],
    ['speed × into zstd', times('speed', isPiped)],
    ['size', middle('size', share)],
    ['RSS MB', middle('rssMegabytes', whole)],
    ['p99 of event loop delay, ms', middle('delayP99Ms', seconds)],
    ['idle', middle('idleP99Ms', seconds)],
  ],
  memory: [
    ['RSS MB of a tenth', middle('tenthMegabytes', whole)],
    ['of the whole', middle('wholeMegabytes', whole)],
  ],
  verify: [...TIME, ['MB/s', middle('speed', whole)], ['RSS MB', middle('rssMegabytes', whole)]],
  restore: [
    ...TIME,
    ['proving', middle('proving', seconds)],
    ['loading', middle('loading', seconds)],
    ['swap', middle('swap', seconds)],
    ['loading and swap × mongorestore', times('afterProof', isRestore)],
  ],
};
