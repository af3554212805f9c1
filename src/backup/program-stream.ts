import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';

/** A program that turns its input into its output, as a stream: bytes go in and come out, a failure is an error. */
export class ProgramStream extends Duplex {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private said = '';

  /** @param failed makes the error of a program that did not end well, of its exit code and its last words */
  constructor(path: string, args: readonly string[], failed: (problem: string, ended: boolean) => Error) {
    // So much may wait for the program, while it works on what it has.
    super({ writableHighWaterMark: 1024 * 1024 });
    this.child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
    const { stdin, stdout, stderr } = this.child;
    // What is wrong with a program that doesn't take its input is told by how it ends.
    stdin.on('error', () => undefined);
    stdout.on('data', (chunk: Buffer) => void (this.push(chunk) || stdout.pause()));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-500);
    });
    this.child.on('error', (error) => this.destroy(failed(error.message, false)));
    this.child.on('close', (code, signal) => {
      if (code === 0) this.push(null);
      else this.destroy(failed(this.said.trim() || `it ended with ${signal ?? code}`, code !== null));
    });
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    if (this.child.stdin.write(chunk)) done();
    else this.child.stdin.once('drain', done);
  }

  override _final(done: () => void): void {
    this.child.stdin.end();
    done();
  }

  override _read(): void {
    this.child.stdout.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Only what has ended was waited for by its parent: a thread that ends before it leaves a zombie.
    const { pid, exitCode, signalCode } = this.child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return done(error);
    this.child.once('exit', () => done(error));
    this.child.kill('SIGKILL');
  }
}
