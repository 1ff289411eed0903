import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSeededRandom, SimulatedFileSystem } from './interface.ts';

const file = '/data/file';

function diskWithFile(seed: number, content: Uint8Array): SimulatedFileSystem {
  const disk = new SimulatedFileSystem(createSeededRandom(seed));
  disk.makeDirectorySync('/data');
  disk.syncDirectorySync('/');
  const handle = disk.openSync(file, 'create');
  handle.writeSync(content, 0);
  handle.syncSync();
  handle.closeSync();
  disk.syncDirectorySync('/data');
  return disk;
}

/** What a power loss leaves, for many seeds. */
function outcomes(
  change: (disk: SimulatedFileSystem) => void,
  read: (disk: SimulatedFileSystem) => string,
): Set<string> {
  const found = new Set<string>();
  for (let seed = 0; seed < 200; seed += 1) {
    const disk = diskWithFile(seed, Buffer.alloc(1024, 'a'));
    change(disk);
    disk.losePower();
    found.add(read(disk));
  }
  return found;
}

function content(disk: SimulatedFileSystem): string {
  return Buffer.from(disk.readFileSync(file))
    .toString()
    .replace(/(.)\1*/g, (run) => `${run[0]}${run.length}`);
}

describe('a simulated file system', () => {
  it('keeps synced bytes and names, and may lose each sector that was not synced', () => {
    const overwrite = (disk: SimulatedFileSystem) =>
      disk.openSync(file, 'readwrite').writeSync(Buffer.alloc(600, 'b'), 300);
    assert.deepEqual(outcomes(overwrite, content), new Set(['a1024', 'a300b212a512', 'a512b388a124', 'a300b600a124']));
  });

  it('keeps everything that was synced', () => {
    const synced = (disk: SimulatedFileSystem) => {
      const handle = disk.openSync(file, 'readwrite');
      handle.writeSync(Buffer.alloc(600, 'b'), 900);
      handle.truncateSync(1200);
      handle.syncSync();
    };
    assert.deepEqual(outcomes(synced, content), new Set(['a900b300']));
  });

  it('may lose names that were made, changed or removed until their directory is synced', () => {
    const names = (disk: SimulatedFileSystem) => disk.listSync('/data').join();
    const rename = (disk: SimulatedFileSystem) => disk.renameSync(file, '/data/renamed');
    const remove = (disk: SimulatedFileSystem) => disk.removeSync(file);
    const create = (disk: SimulatedFileSystem) => disk.openSync('/data/new', 'create').syncSync();
    assert.deepEqual(outcomes(rename, names), new Set(['file', 'renamed']));
    assert.deepEqual(outcomes(remove, names), new Set(['file', '']));
    assert.deepEqual(outcomes(create, names), new Set(['file', 'file,new']));
    for (const change of [rename, remove, create]) {
      const settled = outcomes((disk) => {
        change(disk);
        disk.syncDirectorySync('/data');
      }, names);
      assert.equal(settled.size, 1);
    }
  });

  it('loses a directory with everything in it when the directory above was not synced', () => {
    const found = outcomes(
      (disk) => {
        disk.makeDirectorySync('/data/deep');
        disk.openSync('/data/deep/file', 'create').syncSync();
        disk.syncDirectorySync('/data/deep');
      },
      (disk) => `${disk.existsSync('/data/deep')} ${disk.existsSync('/data/deep/file')}`,
    );
    assert.deepEqual(found, new Set(['false false', 'true true']));
  });

  it('keeps the page cache but no handle when only the process ends', () => {
    const disk = diskWithFile(1, Buffer.from('a'));
    const handle = disk.openSync(file, 'readwrite');
    handle.writeSync(Buffer.from('bb'), 1);
    disk.restart();
    assert.equal(content(disk), 'a1b2');
    assert.throws(() => handle.readSync(Buffer.alloc(1), 0), { code: 'IO_ERROR' });
  });

  it('never writes again what a failed sync has left, although programs see it', () => {
    const failed = (disk: SimulatedFileSystem) => {
      const handle = disk.openSync(file, 'readwrite');
      handle.writeSync(Buffer.alloc(512, 'b'), 0);
      disk.planFaults(({ kind }) => (kind === 'sync' ? 'io-error' : undefined));
      assert.throws(() => handle.syncSync(), { code: 'IO_ERROR' });
      disk.planFaults(() => undefined);
      handle.syncSync();
      assert.equal(content(disk), 'b512a512');
    };
    assert.deepEqual(outcomes(failed, content), new Set(['a1024', 'b512a512']));
  });

  it('does only a part of a write when the disk is full, and nothing after the power is gone', () => {
    const disk = diskWithFile(3, new Uint8Array(0));
    const handle = disk.openSync(file, 'readwrite');
    disk.planFaults(({ kind }) => (kind === 'write' ? 'disk-full' : undefined));
    assert.throws(() => handle.writeSync(Buffer.alloc(100, 'b'), 0), { code: 'DISK_FULL' });
    assert.ok(handle.sizeSync() < 100);
    disk.planFaults(() => 'power-loss');
    assert.throws(() => handle.syncSync(), { code: 'IO_ERROR' });
    assert.throws(() => disk.listSync('/data'), { code: 'IO_ERROR' });
  });

  it('repeats itself with its seed', () => {
    const run = (seed: number) => {
      const disk = diskWithFile(seed, Buffer.alloc(0));
      disk.openSync(file, 'readwrite').writeSync(Buffer.alloc(50_000, 'b'), 0);
      disk.losePower();
      return content(disk);
    };
    assert.equal(run(7), run(7));
    assert.notEqual(run(7), run(8));
  });
});
