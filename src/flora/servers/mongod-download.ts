import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Download } from './download-place.js';
import { fill } from './filling.js';

/**
 * In a process of its own: the library can't be stopped otherwise, and it talks on the console. It ends at once when
 * it is done, for the library may leave connections open.
 */
const SCRIPT = `
  const { MongoBinary } = require(process.argv[1]);
  MongoBinary.getPath().then(
    (path) => process.stdout.write('\\n' + path, () => process.exit(0)),
    ({ message }) => process.stderr.write(message.replaceAll('\\n', ' '), () => process.exit(1)),
  );`;

/** mongodb-memory-server-core knows which of MongoDB's builds suits this machine. */
export const mongodFromLibrary: Download = async (folder, env) => {
  const library = createRequire(import.meta.url).resolve('mongodb-memory-server-core');
  const output = await fill(folder, process.execPath, ['-e', SCRIPT, library], {
    ...env,
    MONGOMS_DOWNLOAD_DIR: folder,
    MONGOMS_MD5_CHECK: 'true',
    MONGOMS_MAX_RETRIES: '1', // It counts attempts.
  });
  // A copy, for the library may have found one that it keeps elsewhere.
  const copy = join(folder, 'copy');
  await mkdir(copy);
  await copyFile(output.trim().split('\n').at(-1)!, join(copy, 'mongod'));
  return copy;
};
