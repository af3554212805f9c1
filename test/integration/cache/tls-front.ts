import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';

const openssl = (folder: string, ...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });

/** A key with the certificate for it, as PEM. */
export interface Credential {
  key: string;
  cert: string;
}

/** What an authority of our own has signed. */
export interface Papers {
  ca: string;
  server: Credential;
  client: Credential;
}

export const hasOpenssl = await openssl('.', 'version').then(
  () => true,
  () => false,
);

export async function makePapers(): Promise<Papers> {
  const folder = await mkdtemp(join(tmpdir(), 'flora-tls-'));
  const read = async (name: string) => readFile(join(folder, name), 'utf8');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    await openssl(
      folder,
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=ours',
    );
    await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    const sign = async (name: string): Promise<Credential> => {
      const [key, csr, cert] = [`${name}.key`, `${name}.csr`, `${name}.pem`];
      await openssl(folder, 'req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`);
      await openssl(folder, 'x509', '-req', '-in', csr, '-out', cert, '-extfile', 'names', ...BY_OURS);
      return { key: await read(key), cert: await read(cert) };
    };
    return { ca: await read('ca.pem'), server: await sign('server'), client: await sign('client') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const BY_OURS = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1'];

/** TLS in front of a server that knows none, as many hosted services do it. It lets in who has a certificate. */
export class TlsFront {
  readonly #sockets = new Set<TLSSocket>();

  private constructor(private readonly server: Server) {}

  static async before(target: number, papers: Papers): Promise<TlsFront> {
    const server = createServer({
      ...papers.server,
      ca: papers.ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const front = new TlsFront(server);
    server.on('tlsClientError', () => {});
    server.on('secureConnection', (socket) => {
      front.#sockets.add(socket);
      const inner = connect(target, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      socket.on('error', () => inner.destroy()).on('close', () => inner.destroy());
      inner.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  get url(): string {
    return `rediss://127.0.0.1:${this.address.port}`;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.server, 'close');
  }
}
