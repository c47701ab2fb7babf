//! Parquet: rows of a file, by the `parquet` crate's record reader.
//!
//! That reader panics on some damaged files; here that is an error like any other. A row that cannot be
//! decoded ends the import, since the columns behind it no longer stand in step.

use std::fs::File;
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use parquet::basic::{Compression, LogicalType, TimeUnit};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use rep_core::stable_hash128;

use super::entry::{Entry, Records, Row};
use super::identity::Identity;
use super::lines::{LINE_BYTES_MAX, too_long};
use super::parquet_value::{self, Unit};
use super::spool::Spool;

/// Read at once to take a file's hash, in bytes.
const HASH_CHUNK_BYTES: usize = 64 * 1024;

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    rows: RowIter<'static>,
    source: File,
    columns: Vec<String>,
    /// What whole numbers of a column count, by column.
    units: Vec<Unit>,
    row: u64,
    rows_total: u64,
    length_bytes: u64,
    failed: bool,
    /// Holds the file as long as it is read.
    _spool: Option<Spool>,
}

impl ParquetRows {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::new(File::open(path).context("cannot open it")?, None)
    }

    /// Opens what came from standard input.
    pub(super) fn spooled(spool: Spool, file: File) -> anyhow::Result<Self> {
        Self::new(file, Some(spool))
    }

    fn new(file: File, spool: Option<Spool>) -> anyhow::Result<Self> {
        let source = file.try_clone().context("cannot open it")?;
        let length_bytes = file.metadata().context("cannot open it")?.len();
        let reader =
            unpanicked(|| SerializedFileReader::new(file))?.context("is no readable Parquet file")?;
        check_compression(reader.metadata())?;
        let schema = reader.metadata().file_metadata().schema();
        let columns: Vec<_> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let units = schema.get_fields().iter().map(|field| unit(field)).collect();
        let rows_total = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        let rows = unpanicked(|| RowIter::from_file_into(Box::new(reader)))?;
        Ok(Self {
            rows,
            source,
            columns,
            units,
            row: 0,
            rows_total,
            length_bytes,
            failed: false,
            _spool: spool,
        })
    }

    /// Named by the hash of the whole file: it has no beginning that could stay the same.
    pub(super) fn identity(&self) -> anyhow::Result<Identity> {
        let mut input = BufReader::with_capacity(HASH_CHUNK_BYTES, Whole { file: &self.source, at: 0 });
        let mut chunk = vec![0; HASH_CHUNK_BYTES];
        let mut hash = 0_u128;
        loop {
            let read = fill(&mut input, &mut chunk).context("cannot read it")?;
            if read == 0 {
                return Ok(Identity::named(format!("{hash:032x}")));
            }
            hash = stable_hash128(&[&hash.to_be_bytes(), &chunk[..read]].concat());
        }
    }

    fn next_row(&mut self) -> anyhow::Result<Option<Entry>> {
        let at = self.row + 1;
        let rows = &mut self.rows;
        let next = unpanicked(|| rows.next()).and_then(|row| Ok(row.transpose()?));
        let Some(row) = next.with_context(|| format!("is damaged at row {at}"))? else {
            if self.row < self.rows_total {
                bail!("ends after row {} of {}", self.row, self.rows_total);
            }
            return Ok(None);
        };
        self.row = at;
        let (mut values, mut problem): (Row, _) = (Vec::with_capacity(self.columns.len()), None);
        for ((name, field), unit) in row.into_columns().into_iter().zip(&self.units) {
            match parquet_value::json(&field, *unit) {
                Ok(value) => values.push((name, value)),
                Err(message) => problem = Some(format!("column `{name}` {message}")),
            }
        }
        // What the report shows of a row.
        let shown: serde_json::Map<_, _> = values.iter().cloned().collect();
        let mut raw = serde_json::to_vec(&shown).context("cannot show a row")?;
        if raw.len() > LINE_BYTES_MAX {
            raw.truncate(1024);
            problem = Some(too_long());
        }
        Ok(Some(match problem {
            None => Entry { line: at, raw, row: Ok(values) },
            Some(message) => Entry::unreadable(at, raw, message),
        }))
    }
}

impl Records for ParquetRows {
    fn columns(&self) -> Option<&[String]> {
        Some(&self.columns)
    }

    fn next_entry(&mut self) -> anyhow::Result<Option<Entry>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.next_row();
        self.failed = next.is_err();
        next
    }

    /// By rows: pages are read ahead, and columns lie apart.
    fn consumed_bytes(&self) -> u64 {
        let share = u128::from(self.length_bytes) * u128::from(self.row) / u128::from(self.rows_total.max(1));
        u64::try_from(share).unwrap_or(self.length_bytes).min(self.length_bytes)
    }

    fn unit(&self) -> &'static str {
        "row"
    }
}

/// Runs `work`, with its panic as an error.
fn unpanicked<T>(work: impl FnOnce() -> T) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| anyhow!("is no readable Parquet file: its reader panicked"))
}

fn check_compression(metadata: &ParquetMetaData) -> anyhow::Result<()> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        match column.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => {}
            other => {
                bail!("is compressed with {other}: write it with Snappy, Zstandard or without compression")
            }
        }
    }
    Ok(())
}

/// The record reader gives nanoseconds, and times without a zone, as bare numbers.
fn unit(field: &Type) -> Unit {
    if !field.is_primitive() {
        return Unit::Number;
    }
    match field.get_basic_info().logical_type_ref() {
        Some(LogicalType::Timestamp(time)) => match time.unit {
            TimeUnit::MILLIS => Unit::TimeMillis,
            TimeUnit::MICROS => Unit::TimeMicros,
            TimeUnit::NANOS => Unit::TimeNanos,
        },
        _ => Unit::Number,
    }
}

/// Reads a file from its beginning, wherever its cursor stands.
struct Whole<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = self.file;
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Fills `chunk` as far as the input goes, so that its pieces do not depend on how it is read.
fn fill(input: &mut impl Read, chunk: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match input.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
