//! Members of a zip archive, by its directory. It is read here and not by a crate, so that its size is bounded before
//! anything is made of it, and members of one name are all seen.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use flate2::{CrcReader, bufread::DeflateDecoder};

use super::{Reading, Stop, What};

/// Bytes of the record at the end of an archive, without its comment.
const END_BYTES: usize = 22;
/// Longest comment, by the width of its length.
const COMMENT_BYTES: u64 = 0xffff;
/// Bytes of the record that says where that of a large archive is.
const LOCATOR_BYTES: u64 = 20;
/// Fixed bytes of an entry of the directory.
const ENTRY_BYTES: usize = 46;
/// Fixed bytes before the content of a member.
const LOCAL_BYTES: usize = 30;
/// Unpacked bytes up to which a member may grow by any ratio.
const SMALL: u64 = 1 << 20;

/// The directory of an archive.
struct Directory {
    n_members: u64,
    start: u64,
    size: u64,
}

/// A member, as the directory describes it.
struct Member {
    path: Vec<u8>,
    is_encrypted: bool,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    start: u64,
    mode: u32,
}

/// Read every member.
pub(super) fn read(file: &mut File, size: u64, reading: &mut Reading<'_>) -> Result<(), Stop> {
    let directory = find_directory(file, size)?;
    if directory.n_members > reading.limits.files {
        return Err(Stop::Refused(reading.limits.files().broken("more", "members")));
    }
    let (mut place, end) = (directory.start, directory.start + directory.size);
    let mut n_unpacked = 0;
    for _ in 0..directory.n_members {
        reading.count()?;
        let (member, next) = read_entry(file, place, end)?;
        place = next;
        let Some(parts) = reading.wanted(&member.path, what(&member)) else { continue };
        let content = unpack(file, &member, reading, directory.start, &mut n_unpacked);
        if n_unpacked > reading.limits.total_bytes {
            return Err(Stop::Refused(reading.limits.total_bytes().broken("it unpacks to more", "bytes")));
        }
        reading.keep(parts, content)?;
    }
    Ok(())
}

/// The directory, found by the record at the end.
fn find_directory(file: &mut File, size: u64) -> Result<Directory, Stop> {
    let truncated = || Stop::Refused("it is no whole zip archive: its directory is not at its end".into());
    let tail_start = size.saturating_sub(END_BYTES as u64 + COMMENT_BYTES);
    let tail = bytes_at(file, tail_start, size - tail_start)?;
    let is_end = |start: &usize| {
        let record = tail.get(*start..).unwrap_or_default();
        let comment = u16_at(record, 20).map(usize::from);
        record.starts_with(b"PK\x05\x06") && comment.is_some_and(|length| END_BYTES + length == record.len())
    };
    let start = (0..tail.len()).rev().find(is_end).ok_or_else(truncated)?;
    let record = tail.get(start..).unwrap_or_default();
    let end = tail_start + start as u64;
    let fields = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
    let (Some(n_members), Some(bytes), Some(place)) = fields else { return Err(truncated()) };
    let mut directory = Directory { n_members: n_members.into(), start: place.into(), size: bytes.into() };
    let is_large = n_members == u16::MAX || bytes == u32::MAX || place == u32::MAX;
    if is_large && let Some(large) = find_large_directory(file, end)? {
        directory = large;
    }
    let fits = directory.start.checked_add(directory.size).is_some_and(|stop| stop <= end)
        && directory.n_members <= directory.size / ENTRY_BYTES as u64;
    if fits { Ok(directory) } else { Err(truncated()) }
}

/// The directory of an archive beyond 4 GiB or 65,535 members, if it has one.
fn find_large_directory(file: &mut File, end: u64) -> Result<Option<Directory>, Stop> {
    let Some(locator_start) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = bytes_at(file, locator_start, LOCATOR_BYTES)?;
    let Some(place) = u64_at(&locator, 8).filter(|_| locator.starts_with(b"PK\x06\x07")) else { return Ok(None) };
    if place.checked_add(56).is_none_or(|stop| stop > end) {
        return Ok(None);
    }
    let record = bytes_at(file, place, 56)?;
    let fields = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
    let (true, (Some(n_members), Some(size), Some(start))) = (record.starts_with(b"PK\x06\x06"), fields) else {
        return Ok(None);
    };
    Ok(Some(Directory { n_members, start, size }))
}

/// The entry at a place of the directory, and the place of the next.
fn read_entry(file: &mut File, place: u64, end: u64) -> Result<(Member, u64), Stop> {
    let damaged = || Stop::Ended("it is damaged: its directory cannot be read".into());
    let fixed = bytes_at(file, place, (ENTRY_BYTES as u64).min(end.saturating_sub(place)))?;
    let lengths = (u16_at(&fixed, 28), u16_at(&fixed, 30), u16_at(&fixed, 32));
    let (Some(path), Some(extra), Some(comment)) = lengths else { return Err(damaged()) };
    let next = place + ENTRY_BYTES as u64 + u64::from(path) + u64::from(extra) + u64::from(comment);
    if !fixed.starts_with(b"PK\x01\x02") || next > end {
        return Err(damaged());
    }
    let names = bytes_at(file, place + ENTRY_BYTES as u64, u64::from(path) + u64::from(extra))?;
    let (path, extra) = names.split_at(usize::from(path));
    let half = |at: usize| u16_at(&fixed, at).ok_or_else(damaged);
    let word = |at: usize| u32_at(&fixed, at).ok_or_else(damaged);
    let mut member = Member {
        path: path.to_vec(),
        is_encrypted: half(8)? & 1 != 0,
        method: half(10)?,
        crc: word(16)?,
        packed: word(20)?.into(),
        unpacked: word(24)?.into(),
        start: word(42)?.into(),
        mode: if half(4)? >> 8 == 3 { word(38)? >> 16 } else { 0 },
    };
    widen(&mut member, extra);
    Ok((member, next))
}

/// Take the sizes that do not fit into 32 bits from the extra field that holds them.
fn widen(member: &mut Member, mut extra: &[u8]) {
    while let (Some(kind), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(content) = extra.get(4..4 + usize::from(length)) else { return };
        if kind == 1 {
            let wide = [&mut member.unpacked, &mut member.packed, &mut member.start];
            for (k, value) in wide.into_iter().filter(|value| **value == u64::from(u32::MAX)).enumerate() {
                *value = u64_at(content, 8 * k).unwrap_or(*value);
            }
            return;
        }
        extra = &extra[4 + usize::from(length)..];
    }
}

fn what(member: &Member) -> What {
    match member.mode & 0o170_000 {
        _ if member.path.ends_with(b"/") => What::Folder,
        0o040_000 => What::Folder,
        0o120_000 => What::Other("a link; links are not followed"),
        0 | 0o100_000 => What::File,
        _ => What::Other("is not a regular file"),
    }
}

/// The bytes of a member, or why there are none. What was read and unpacked is counted in either case: a directory may
/// name one damaged content a million times.
fn unpack(
    file: &mut File,
    member: &Member,
    reading: &Reading<'_>,
    end: u64,
    n_unpacked: &mut u64,
) -> Result<Vec<u8>, String> {
    let most = reading.limits.submission().bytes;
    if member.is_encrypted {
        return Err("is encrypted".into());
    }
    if member.unpacked > most.value {
        return Err(most.broken("larger", "bytes"));
    }
    let ratio = reading.limits.ratio();
    if member.unpacked > SMALL && member.unpacked / ratio.value.max(1) > member.packed {
        return Err(ratio.broken("unpacks to more", "times its packed size"));
    }
    if member.packed > most.value.saturating_add(SMALL) {
        return Err(most.broken("packed into more", "bytes"));
    }
    let damaged = || "is damaged: its content is not where the directory says".to_owned();
    let local = bytes_at(file, member.start, LOCAL_BYTES as u64).map_err(|_| damaged())?;
    let (Some(path), Some(extra)) = (u16_at(&local, 26), u16_at(&local, 28)) else { return Err(damaged()) };
    let start = member.start + LOCAL_BYTES as u64 + u64::from(path) + u64::from(extra);
    if !local.starts_with(b"PK\x03\x04") || start.checked_add(member.packed).is_none_or(|stop| stop > end) {
        return Err(damaged());
    }
    let packed = bytes_at(file, start, member.packed).map_err(|_| damaged())?;
    *n_unpacked += member.packed;
    let mut bytes = Vec::with_capacity(member.unpacked as usize);
    let content: &mut dyn Read = match member.method {
        0 => &mut packed.as_slice(),
        8 => &mut DeflateDecoder::new(packed.as_slice()),
        method => return Err(format!("is packed by method {method}; deflate and plain are read")),
    };
    let mut summed = CrcReader::new(content.take(member.unpacked + 1));
    let unpacked = summed.read_to_end(&mut bytes);
    *n_unpacked += (bytes.len() as u64).saturating_sub(member.packed);
    unpacked.map_err(|error| format!("is damaged: {error}"))?;
    if bytes.len() as u64 != member.unpacked || summed.crc().sum() != member.crc {
        return Err("is damaged: its content is not what the directory says".into());
    }
    Ok(bytes)
}

/// Bytes of a file that must all be there.
fn bytes_at(file: &mut File, start: u64, n: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(n).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < n { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
}
