import { QuorateError } from '../../src/errors/interface.ts';
import type { FileHandle, FileSystem } from '../../src/runtime/interface.ts';
import type { Life } from './node-life.ts';

export type FileCall = 'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'directory' | 'replace';

/** Where a thread stops for ever: before or after an operation, or, when it writes, in the middle. */
export type StopMoment = 'before' | 'within' | 'after';

/** Decides whether the thread stops at an operation. */
export type StopPlan = (call: FileCall) => StopMoment | undefined;

export interface LifeFilesOptions {
  readonly files: FileSystem;
  readonly life: Life;
  readonly plan: StopPlan;
  /** Called in the moment of the stop. */
  readonly onStop: (call: FileCall, moment: StopMoment) => void;
}

function stopped(): QuorateError {
  return new QuorateError('IO_ERROR', 'this thread has stopped for ever');
}

/** The files as one thread of one life uses them: nothing it does after its end has an effect. */
export function lifeFiles(options: LifeFilesOptions): FileSystem {
  const { files, life, plan, onStop } = options;
  const check = () => {
    if (!life.alive) {
      throw stopped();
    }
  };
  const change = <T>(call: FileCall, run: () => T, part: () => void = () => {}): T => {
    check();
    const moment = plan(call);
    if (moment === undefined) {
      return run();
    }
    if (moment !== 'before') {
      (moment === 'within' ? part : run)();
    }
    onStop(call, moment);
    throw stopped();
  };
  const reading = <T>(run: () => T): T => {
    check();
    return run();
  };
  const wrap = (handle: FileHandle): FileHandle => ({
    descriptor: handle.descriptor,
    readSync: (target, position) => reading(() => handle.readSync(target, position)),
    read: (target, position) => reading(() => handle.read(target, position)),
    sizeSync: () => reading(() => handle.sizeSync()),
    writeSync: (source, position) =>
      change(
        'write',
        () => handle.writeSync(source, position),
        () => handle.writeSync(source.subarray(0, source.length >> 1), position),
      ),
    write: (source, position) => change('write', () => handle.write(source, position)),
    syncSync: () => change('sync', () => handle.syncSync()),
    sync: () => change('sync', () => handle.sync()),
    truncateSync: (sizeBytes) => change('truncate', () => handle.truncateSync(sizeBytes)),
    closeSync: () => handle.closeSync(),
  });
  return {
    openSync: (path, mode) => {
      const open = () => wrap(files.openSync(path, mode));
      return mode === 'create' ? change('open', open) : reading(open);
    },
    existsSync: (path) => reading(() => files.existsSync(path)),
    fileSizeSync: (path) => reading(() => files.fileSizeSync(path)),
    listSync: (path) => reading(() => files.listSync(path)),
    readFileSync: (path) => reading(() => files.readFileSync(path)),
    makeDirectorySync: (path) => change('directory', () => files.makeDirectorySync(path)),
    renameSync: (from, to) => change('rename', () => files.renameSync(from, to)),
    removeSync: (path) => change('remove', () => files.removeSync(path)),
    syncDirectorySync: (path) => change('sync', () => files.syncDirectorySync(path)),
    writeFileAtomicSync: (path, content, mode) =>
      change('replace', () => files.writeFileAtomicSync(path, content, mode)),
    freeBytesSync: (path) => files.freeBytesSync(path),
  };
}
