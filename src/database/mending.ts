import type { DatabaseFiles } from './database-files.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { RejoinReport, RejoinRequest, RepairPhase, RepairReport, RepairRequest } from './types.ts';
import type { WriterClient } from './writer-client.ts';

export interface MendingOptions {
  readonly client: () => WriterClient;
  readonly files: Pick<DatabaseFiles, 'requireSnapshot'>;
  readonly positions: SharedPositions;
  /** Called when what there was may be gone: nobody is to be given any of it. */
  readonly onGoneBack: () => void;
}

/** What makes a replica again what its upstream is. */
export class Mending {
  readonly #options: MendingOptions;

  constructor(options: MendingOptions) {
    this.#options = options;
  }

  /** Takes this replica back to what its upstream has, or makes it take a snapshot; nobody must feed it meanwhile. */
  async rejoin(request: RejoinRequest): Promise<RejoinReport> {
    const { client, files, positions, onGoneBack } = this.#options;
    const report = await client().request<RejoinReport>((id) => ['rejoin', id, request]);
    if (report.snapshot) {
      files.requireSnapshot(positions.get('tip'));
    }
    onGoneBack();
    return report;
  }

  /** Gives rows of this replica the content that they have on its upstream. @throws QuorateError WRONG_ROLE … */
  repair(request: RepairRequest): Promise<RepairReport> {
    return this.#options.client().request((id) => ['repair', id, request]);
  }

  repairIs(phase: RepairPhase): Promise<void> {
    return this.#options.client().request((id) => ['repair-phase', id, phase]);
  }
}
