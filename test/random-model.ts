/** A column as the generator knows it. */
export interface RandomColumn {
  name: string;
  generated: boolean;
}

/** A table as the generator knows it. */
export interface RandomTable {
  name: string;
  kind: 'ordinary' | 'fts5' | 'fts4' | 'rtree';
  columns: RandomColumn[];
  /** A name that SQL can use for the rowid; undefined without one. */
  rowid: string | undefined;
}

/** What the generator believes the database to contain. */
export class RandomModel {
  tables: RandomTable[] = [];
  views: string[] = [];
  triggers: string[] = [];
  indexes: string[] = [];

  save(): string {
    return JSON.stringify([this.tables, this.views, this.triggers, this.indexes]);
  }

  restore(saved: string): void {
    [this.tables, this.views, this.triggers, this.indexes] = JSON.parse(saved);
  }
}

/** A column that is stored as given. */
export function column(name: string): RandomColumn {
  return { name, generated: false };
}
