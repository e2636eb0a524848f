//! Members of a tar archive, one after the other. The crate `tar` reads the headers; long names are read here, within
//! bounds, and sparse files are not expanded.

use std::cell::Cell;
use std::io::{BufReader, Error as IoError, ErrorKind, Read, Result as IoResult};

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, GnuHeader, PaxExtensions};

use super::{BATCH_BYTES, PATH_BYTES, Reading, Stop, What};
use crate::parallel::Interrupt;
use crate::read_limits::Limit;

/// Bytes of a block; one of zeros ends an archive.
const BLOCK: u64 = 512;
/// Place of the byte of a block of a sparse file's map that says whether another follows.
const MAP_GOES_ON: usize = 504;
/// Longest record of extended headers, in bytes.
const EXTENDED_BYTES: u64 = 1 << 16;

/// What is said of an extended header that cannot be used.
const BAD_HEADER: &str = "it is damaged: an extended header cannot be read";

/// The contents of a gzipped file.
pub(super) fn gunzipped(file: impl Read) -> impl Read {
    MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))
}

/// Whether a block is the header of a member in the oldest of the formats: its checksum tells.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 512]>::try_from(block) else { return false };
    let header = tar::Header::from_byte_slice(bytes);
    let sum: u32 =
        bytes.iter().enumerate().map(|(k, &byte)| if (148..156).contains(&k) { 32 } else { byte.into() }).sum();
    header.cksum().is_ok_and(|written| written == sum)
}

/// A source that counts what it gives and the zeros at its end, and ends with an error at a limit. It leaves out the
/// blocks that go on with the map of a sparse file, for the size of a member does not count them.
struct Metered<'a, R> {
    source: R,
    n_read: u64,
    n_zeros: u64,
    limit: Limit,
    interrupt: &'a Interrupt,
    /// Whether the next block goes on with such a map.
    map_goes_on: &'a Cell<bool>,
}

impl<R> Metered<'_, R> {
    fn count(&mut self, bytes: &[u8]) -> IoResult<()> {
        self.n_read += bytes.len() as u64;
        let end = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
        self.n_zeros = if end == bytes.len() { self.n_zeros } else { 0 } + end as u64;
        if self.n_read > self.limit.value {
            return Err(IoError::new(ErrorKind::FileTooLarge, self.limit.broken("it unpacks to more", "bytes")));
        }
        Ok(())
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.interrupt.is_raised() {
            return Err(IoError::other("interrupted"));
        }
        while self.map_goes_on.get() {
            let mut block = [0; BLOCK as usize];
            self.source.read_exact(&mut block)?;
            self.count(&block)?;
            self.map_goes_on.set(block[MAP_GOES_ON] != 0);
        }
        let n_read = self.source.read(buffer)?;
        self.count(&buffer[..n_read])?;
        Ok(n_read)
    }
}

/// What extended headers say of the next member.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    is_sparse: bool,
}

/// Read every member.
pub(super) fn read(source: impl Read, reading: &mut Reading<'_>) -> Result<(), Stop> {
    let limit = reading.limits.total_bytes();
    let (interrupt, map_goes_on) = (&reading.execution.interrupt, Cell::new(false));
    let metered = Metered { source, n_read: 0, n_zeros: 0, limit, interrupt, map_goes_on: &map_goes_on };
    let mut archive = tar::Archive::new(metered);
    let mut extended = Extended::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if is_extension(kind) {
            let size = entry.header().entry_size()?;
            extend(&mut extended, kind, &mut entry, size)?;
            continue;
        }
        map_goes_on.set(kind == EntryType::GNUSparse && entry.header().as_gnu().is_some_and(GnuHeader::is_extended));
        reading.count()?;
        let Extended { path, is_sparse } = std::mem::take(&mut extended);
        let path = path.unwrap_or_else(|| entry.path_bytes().into_owned());
        let Some(parts) = reading.wanted(&path, what(kind, is_sparse, &path)) else { continue };
        let (size, most) = (entry.header().entry_size()?, reading.limits.submission().bytes);
        let content = if size > most.value {
            Err(most.broken("larger", "bytes"))
        } else {
            let mut bytes = Vec::with_capacity((size as usize).min(BATCH_BYTES));
            entry.read_to_end(&mut bytes)?;
            if (bytes.len() as u64) < size {
                return Err(IoError::from(ErrorKind::UnexpectedEof).into());
            }
            Ok(bytes)
        };
        reading.keep(parts, content)?;
    }
    if archive.into_inner().n_zeros < BLOCK { Err(Stop::from(IoError::from(ErrorKind::UnexpectedEof))) } else { Ok(()) }
}

/// Headers that say something of the next member, not a member.
const fn is_extension(kind: EntryType) -> bool {
    matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader)
}

fn extend(extended: &mut Extended, kind: EntryType, entry: &mut impl Read, size: u64) -> Result<(), Stop> {
    if !matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
        return Ok(());
    }
    if size > EXTENDED_BYTES {
        return Err(Stop::Ended(format!("it is damaged: an extended header of {size} bytes")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if kind == EntryType::GNULongName {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end.min(PATH_BYTES + 1));
        extended.path = Some(bytes);
        return Ok(());
    }
    for record in PaxExtensions::new(&bytes) {
        let record = record.map_err(|_| Stop::Ended(BAD_HEADER.into()))?;
        match record.key_bytes() {
            b"path" => extended.path = Some(record.value_bytes().to_vec()),
            b"size" => return Err(Stop::Ended("a member of it is larger than 8 GiB".into())),
            key if key.starts_with(b"GNU.sparse.") => extended.is_sparse = true,
            _ => {}
        }
    }
    Ok(())
}

/// What a member is, by its header.
fn what(kind: EntryType, is_sparse: bool, path: &[u8]) -> What {
    match kind {
        _ if is_sparse => What::Other("a sparse file, which is not expanded"),
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => What::Folder,
        EntryType::Regular | EntryType::Continuous => What::File,
        EntryType::Directory => What::Folder,
        EntryType::Symlink | EntryType::Link => What::Other("a link; links are not followed"),
        EntryType::GNUSparse => What::Other("a sparse file, which is not expanded"),
        _ => What::Other("is not a regular file"),
    }
}
