import type { BackupProgress } from '../progress.js';
import { bytesText, countText, plain, secondsText } from './wording.js';

const WIDTH = 24;
const WORDS: Readonly<Record<BackupProgress['phase'], string>> = {
  dump: 'reading',
  verify: 'checking',
  load: 'loading',
  swap: 'swapping',
  copy: 'copying',
};

/** One line on a terminal that is written over again and again. */
export class ProgressBar {
  private isShown = false;

  /** @param out undefined where nobody looks: nothing is written then */
  constructor(private readonly out: NodeJS.WriteStream | undefined) {}

  readonly show = (progress: BackupProgress): void => {
    if (!this.out) return;
    this.isShown = true;
    const line = lineOf(progress).slice(0, Math.max(20, (this.out.columns || 80) - 1));
    this.out.write(`\r\u{1B}[K${line}`);
  };

  /** Makes room for other lines. */
  clear(): void {
    if (this.isShown) this.out?.write('\r\u{1B}[K');
    this.isShown = false;
  }
}

export function lineOf({ phase, percent, bytes, documents, secondsLeft, namespace }: BackupProgress): string {
  const done = Math.round(((percent ?? 0) / 100) * WIDTH);
  const bar =
    percent === undefined ? '' : `[${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}] ${percent.toFixed(1)} %`;
  const parts = [
    WORDS[phase].padEnd(8),
    bar,
    bytes > 0 ? bytesText(bytes) : '',
    documents > 0 ? countText(documents, 'document') : '',
    secondsLeft === undefined ? '' : `${secondsText(secondsLeft)} left`,
    namespace === undefined ? '' : plain(namespace),
  ];
  return parts.filter(Boolean).join('  ');
}
