//! The other engines, each used as its documentation says for durable batches.
//!
//! Single-threaded, driven by `main`. Each keeps messages under a rising number.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fjall::{PartitionHandle, PersistMode};
use redb::{Durability, TableDefinition};

use crate::Engine;

type Opened = Result<Box<dyn Engine>, Box<dyn Error>>;

const BARE_BYTES: u64 = 64 << 20;

struct Bare {
    file: File,
    at: u64,
}

pub(crate) fn bare(directory: &Path) -> Opened {
    let file = File::create(directory.join("bare"))?;
    let zeros = vec![0; 1 << 20];
    for at in 0..BARE_BYTES >> 20 {
        file.write_all_at(&zeros, at << 20)?;
    }
    file.sync_all()?;
    Ok(Box::new(Bare { file, at: 0 }))
}

impl Engine for Bare {
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>> {
        let bytes = body.repeat(count);
        if self.at + bytes.len() as u64 > BARE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&bytes, self.at)?;
        self.at += bytes.len() as u64;
        if sync {
            rustix::fs::fdatasync(&self.file)?;
        }
        Ok(())
    }
}

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");

struct Redb {
    database: redb::Database,
    next: u64,
}

pub(crate) fn redb(directory: &Path) -> Opened {
    Ok(Box::new(Redb { database: redb::Database::create(directory.join("redb"))?, next: 0 }))
}

impl Engine for Redb {
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(if sync { Durability::Immediate } else { Durability::None });
        {
            let mut table = transaction.open_table(TABLE)?;
            for _ in 0..count {
                table.insert(self.next, body)?;
                self.next += 1;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

struct Sqlite {
    connection: rusqlite::Connection,
    synced: bool,
}

pub(crate) fn sqlite(directory: &Path) -> Opened {
    let connection = rusqlite::Connection::open(directory.join("sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, body BLOB)", ())?;
    Ok(Box::new(Sqlite { connection, synced: true }))
}

impl Engine for Sqlite {
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>> {
        if sync != self.synced {
            let mode = if sync { "FULL" } else { "OFF" };
            self.connection.pragma_update(None, "synchronous", mode)?;
            self.synced = sync;
        }
        let transaction = self.connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO messages (body) VALUES (?1)")?;
            for _ in 0..count {
                insert.execute([body])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

struct Fjall {
    keyspace: fjall::Keyspace,
    messages: PartitionHandle,
    next: u64,
}

pub(crate) fn fjall(directory: &Path) -> Opened {
    let keyspace = fjall::Config::new(directory.join("fjall")).open()?;
    let messages = keyspace.open_partition("messages", fjall::PartitionCreateOptions::default())?;
    Ok(Box::new(Fjall { keyspace, messages, next: 0 }))
}

impl Engine for Fjall {
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>> {
        let mut batch = self.keyspace.batch();
        for _ in 0..count {
            batch.insert(&self.messages, self.next.to_be_bytes(), body);
            self.next += 1;
        }
        batch.commit()?;
        self.keyspace.persist(if sync { PersistMode::SyncData } else { PersistMode::Buffer })?;
        Ok(())
    }
}
