import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BackupError } from '../../src/backup/backup.errors.js';
import type { BackupModuleOptions } from '../../src/backup/backup.options.js';
import { bestCodec } from '../../src/backup/compression.js';
import { ground, plantShop } from '../integration/backup/ground.js';
import { describeWith } from '../servers/index.js';
import { effort } from './effort.js';
import { Lots } from './load.js';

/** Of each kind of backup. */
const FLIPS = effort.isFull ? 300 : 12;
const KINDS: [string, BackupModuleOptions][] = [
  ['not compressed', { compression: { codec: 'none' } }],
  ['compressed by gzip', { compression: { codec: 'gzip' } }],
  [`compressed by ${bestCodec()}`, {}],
  ['encrypted', { encryption: { keys: [{ id: 'a', key: randomBytes(32) }] } }],
];

describeWith(['mongo', 'tools'], 'one flipped bit of the stored bytes of a backup', () => {
  it.each(KINDS)(
    'is found, wherever it is, where they are %s',
    async (kind, options) => {
      const { db, service, directory } = await ground(options);
      await plantShop(db);
      const { id } = await service.createBackup();
      const file = (await service.getBackup(id)).location;
      const manifest = JSON.parse(await readFile(join(file, 'manifest.json'), 'utf8'));
      const path = join(directory, id, manifest.archive.file);
      const whole = await readFile(path);
      const lots = new Lots(effort.seed);
      const missed: number[] = [];
      for (let flip = 0; flip < FLIPS; flip++) {
        // The first and the last bytes are those of headers and ends.
        const edge = Math.min(whole.length, 512);
        const at = flip % 3 === 0 ? lots.below(edge) : lots.below(whole.length);
        const byte = flip % 6 === 0 ? whole.length - 1 - at : at;
        const changed = Buffer.from(whole);
        changed[byte]! ^= 1 << lots.below(8);
        await writeFile(path, changed);
        const found = await service.verifyBackup(id).catch((error: unknown) => {
          if (error instanceof BackupError) return { good: false };
          throw error;
        });
        if (found.good) missed.push(byte);
      }
      await writeFile(path, whole);
      console.log(
        `Flipped bits, ${kind}: ${FLIPS} in ${whole.length} bytes, seed ${effort.seed}, ${missed.length} missed`,
      );

      expect(missed).toEqual([]);
      expect(await service.verifyBackup(id)).toMatchObject({ good: true });
    },
    effort.isFull ? 900_000 : 120_000,
  );
});
