//! Any bytes as an archive: themselves, gunzipped from what they gzip to, as members of a sound tar, or as those of a zip
//! with a sound directory. What is read is consistent, within the limits, and stays inside.
#![no_main]

use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};

use flate2::{Compression, Crc, write::GzEncoder};
use hemicycle_core::archives::read_archive;
use hemicycle_core::{Error, Execution};
use libfuzzer_sys::fuzz_target;

/// Where the bytes are written: the reader takes a path.
static PATH: LazyLock<PathBuf> =
    LazyLock::new(|| env::temp_dir().join(format!("hemicycle-fuzz-{}.archive", process::id())));

/// Bytes that end a member of a made archive.
const END: &[u8] = b"\xff\xfe";

/// A gzipped file.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Members cut from bytes: a kind, a name up to a line's end, and a content.
fn members(bytes: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let [kind, after @ ..] = rest {
        let end = after.windows(END.len()).position(|window| window == END);
        let (member, next) = end.map_or((after, &[][..]), |end| (&after[..end], &after[end + END.len()..]));
        let cut = member.iter().position(|&byte| byte == b'\n').unwrap_or(member.len());
        found.push((*kind, &member[..cut], &member[(cut + 1).min(member.len())..]));
        rest = next;
    }
    found
}

fn made_tar(bytes: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    for (kind, name, content) in members(bytes) {
        let mut header = tar::Header::new_ustar();
        let fits = name.len().min(100);
        header.as_mut_bytes()[..fits].copy_from_slice(&name[..fits]);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_cksum();
        made.extend_from_slice(header.as_bytes());
        made.extend_from_slice(content);
        made.resize(made.len().next_multiple_of(512), 0);
    }
    made.resize(made.len() + 1024, 0);
    made
}

fn made_zip(bytes: &[u8]) -> Vec<u8> {
    let (mut made, mut directory, mut n) = (Vec::new(), Vec::new(), 0u16);
    for (kind, name, content) in members(bytes) {
        let mut crc = Crc::new();
        crc.update(content);
        let start = made.len() as u32;
        let flags = u16::from(kind & 1);
        let method = if kind & 2 == 0 { 0u16 } else { 8 };
        let size = (content.len() as u32).to_le_bytes();
        let name = &name[..name.len().min(usize::from(u16::MAX))];
        let shared: Vec<u8> = [
            flags.to_le_bytes().as_slice(),
            &method.to_le_bytes(),
            &[0; 4],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0; 2],
        ]
        .concat();
        made.extend([b"PK\x03\x04\x14\0".as_slice(), &shared, name, content].concat());
        let mode = if kind & 4 == 0 { [0; 4] } else { [0, 0, 0, kind & 0xf0] };
        let tail = [[0u8; 6].as_slice(), &mode, &start.to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x03\x14\0".as_slice(), &shared, &tail, name].concat());
        n += 1;
    }
    let (start, size) = (made.len() as u32, directory.len() as u32);
    made.extend(directory);
    made.extend([
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &n.to_le_bytes(),
        &n.to_le_bytes(),
        &size.to_le_bytes(),
        &start.to_le_bytes(),
        &[0; 2],
    ]
    .concat());
    made
}

fuzz_target!(|bytes: &[u8]| {
    let [kind, rest @ ..] = bytes else { return };
    let archive = match kind % 6 {
        0 => rest.to_vec(),
        1 => gzipped(rest),
        2 => made_tar(rest),
        3 => gzipped(&made_tar(rest)),
        4 => made_zip(rest),
        _ => {
            // a sound zip with some bytes changed
            let mut made = made_zip(rest.get(4..).unwrap_or_default());
            for change in rest.chunks(2).take(2) {
                let place = usize::from(change[0]) * made.len() / 256;
                made[place] ^= change.get(1).copied().unwrap_or(1);
            }
            made
        }
    };
    fs::write(&*PATH, archive).expect("the folder for temporary files is writable");
    let limits = hemicycle_fuzz::limits();
    match read_archive(&PATH, &limits, &Execution::default()) {
        Err(Error::Format { reason, .. }) => assert!(!reason.is_empty()),
        Err(error) => panic!("{error}"),
        Ok(found) => {
            let read = &found.submissions;
            let n = found.members.len();
            assert_eq!((read.offsets.len(), read.refusals.len(), read.authors.len()), (n + 1, n, n));
            assert!(n + found.refused.len() + found.n_ignored as usize <= limits.files as usize);
            assert_eq!(read.offsets[n], read.item.len());
            assert!(read.weight.iter().all(|weight| weight.is_finite() && *weight >= 0.0));
            for (place, parts) in found.members.iter().enumerate() {
                assert!(!parts.is_empty() && !found.members[..place].contains(parts));
                assert!(parts.iter().all(|part| !part.is_empty() && part != ".." && !part.contains(['/', '\\'])));
            }
            assert!(found.refused.iter().all(|(_, refusal)| !refusal.reason.is_empty()));
        }
    }
});
