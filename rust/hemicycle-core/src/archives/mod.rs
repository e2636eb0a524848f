//! Submissions in one archive, zip or tar, plain or gzipped: read from the archive straight into rows. Nothing is ever
//! written to a disk, and no more than a few members are in memory at a time.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};
use crate::opening::open_regular;
use crate::parallel::Execution;
use crate::read_limits::ReadLimits;
use crate::submissions::{Opened, Refusal, Submissions, merge, parse_each};

mod tar;
mod zip;

/// Bytes of members that wait to be parsed.
const BATCH_BYTES: usize = 16 << 20;
/// Members that wait to be parsed.
const BATCH_MEMBERS: usize = 1024;
/// Longest path of a member, in bytes.
const PATH_BYTES: usize = 4096;
/// Endings of files that hold other files.
const PACKED: [&str; 15] =
    ["zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "7z", "rar", "lz4", "lzma", "br", "jar"];

/// What an archive of submissions holds.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// The path of each csv member, in parts, in the order of the archive.
    pub members: Vec<Vec<String>>,
    /// Their rows, or why they were turned away.
    pub submissions: Submissions,
    /// Members that were not read, by their path, and why.
    pub refused: Vec<(String, Refusal)>,
    /// Members that are hidden, or neither csv files nor archives.
    pub n_ignored: u64,
    /// Why nothing was read beyond these members, if the archive goes on.
    pub ended: Option<String>,
}

/// Read the submissions of an archive; zip, tar and gzipped tar are told apart by their first bytes.
///
/// # Errors
/// [`Error::Format`] if it is none of these, if nothing of it can be read, or if it breaks the limit of members or of all
/// bytes; [`Error::Interrupted`] on request; [`Error::Domain`] if the threads cannot be started. Bad members are refusals.
pub fn read_archive(path: &Path, limits: &ReadLimits, execution: &Execution) -> Result<Archive> {
    let refuse = |reason: String| Error::Format { path: path.display().to_string(), line: None, reason };
    let mut file = open_regular(path).map_err(refuse)?;
    let size = file.metadata().map_err(|error| refuse(error.to_string()))?.len();
    if size > limits.total_bytes {
        return Err(refuse(limits.total_bytes().broken("larger", "bytes")));
    }
    let mut read = || {
        let mut reading = Reading::new(limits, execution);
        let stopped = match kind_of(&mut file)? {
            Kind::Zip => zip::read(&mut file, size, &mut reading),
            Kind::Tar => tar::read(&mut file, &mut reading),
            Kind::GzippedTar => tar::read(tar::gunzipped(&mut file), &mut reading),
        };
        reading.finish(stopped)
    };
    execution.install(|| Ok(read()))?.map_err(|stop| match stop {
        Stop::Fatal(error) => error,
        Stop::Refused(reason) | Stop::Ended(reason) => refuse(reason),
    })
}

/// Kinds of archives.
enum Kind {
    Zip,
    Tar,
    GzippedTar,
}

/// Tell an archive by its first bytes.
fn kind_of(file: &mut File) -> std::result::Result<Kind, Stop> {
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    match start.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(Kind::Zip),
        [0x1f, 0x8b, ..] => Ok(Kind::GzippedTar),
        block if block.get(257..262) == Some(b"ustar") => Ok(Kind::Tar),
        block if tar::is_header(block) => Ok(Kind::Tar),
        _ => Err(Stop::Refused("is no zip, tar or gzipped tar archive".into())),
    }
}

/// Why the reading of an archive stops.
#[derive(Debug)]
enum Stop {
    /// Not for what the archive holds.
    Fatal(Error),
    /// The archive as a whole is refused.
    Refused(String),
    /// It is damaged from here on.
    Ended(String),
}

impl From<IoError> for Stop {
    fn from(error: IoError) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Ended("it ends before all of it is there".into()),
            ErrorKind::FileTooLarge => Self::Refused(error.to_string()),
            _ => Self::Ended(format!("it is damaged: {error}")),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// A member that waits to be parsed: its bytes, or why there are none.
type Waiting = std::result::Result<Vec<u8>, String>;

/// An archive while it is read.
struct Reading<'a> {
    limits: &'a ReadLimits,
    execution: &'a Execution,
    found: Archive,
    waiting: Vec<Waiting>,
    n_waiting_bytes: usize,
    n_members: u64,
    seen: HashSet<Vec<String>>,
    chunks: Vec<Submissions>,
}

impl<'a> Reading<'a> {
    fn new(limits: &'a ReadLimits, execution: &'a Execution) -> Self {
        Self {
            limits,
            execution,
            found: Archive::default(),
            waiting: Vec::new(),
            n_waiting_bytes: 0,
            n_members: 0,
            seen: HashSet::new(),
            chunks: Vec::new(),
        }
    }

    /// Count one more member.
    fn count(&mut self) -> std::result::Result<(), Stop> {
        self.execution.interrupt.check()?;
        self.n_members += 1;
        if self.n_members > self.limits.files {
            return Err(Stop::Refused(self.limits.files().broken("more", "members")));
        }
        Ok(())
    }

    /// The parts of the path of a member that is to be read; `None` where it is not, which is then noted.
    fn wanted(&mut self, path: &[u8], what: What) -> Option<Vec<String>> {
        let label = || String::from_utf8_lossy(&path[..path.len().min(PATH_BYTES)]).into_owned();
        let parts = match parts_of(path) {
            Ok(parts) => parts,
            Err(reason) => {
                self.refuse(label(), reason);
                return None;
            }
        };
        let name = parts.last()?;
        if parts.iter().any(|part| part.starts_with('.') || part == "__MACOSX") {
            self.found.n_ignored += u64::from(!matches!(what, What::Folder));
            return None;
        }
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let reason = match what {
            What::Folder => return None,
            What::Other(reason) => reason,
            What::File if PACKED.contains(&ending.as_str()) => "an archive inside; send the csv file itself",
            What::File if ending != "csv" => {
                self.found.n_ignored += 1;
                return None;
            }
            What::File if !self.seen.insert(parts.clone()) => "a second member of this path; the first stays",
            What::File => return Some(parts),
        };
        self.refuse(label(), reason.to_owned());
        None
    }

    fn refuse(&mut self, path: String, reason: String) {
        let refusal = Refusal { line: None, field: "file".into(), value: String::new(), reason };
        self.found.refused.push((path, refusal));
    }

    /// Keep what a member holds until it is parsed with others.
    fn keep(&mut self, parts: Vec<String>, content: Waiting) -> std::result::Result<(), Stop> {
        self.n_waiting_bytes += content.as_ref().map_or(0, Vec::len);
        self.found.members.push(parts);
        self.waiting.push(content);
        if self.n_waiting_bytes >= BATCH_BYTES || self.waiting.len() >= BATCH_MEMBERS {
            self.parse()?;
        }
        Ok(())
    }

    fn parse(&mut self) -> Result<()> {
        let contents: Vec<_> = self.waiting.iter().map(|content| content.as_deref()).collect();
        let limits = self.limits.submission();
        self.chunks.extend(parse_each(&contents, opened, &limits, &self.execution.interrupt)?);
        self.waiting.clear();
        self.n_waiting_bytes = 0;
        Ok(())
    }

    /// The archive, as far as it could be read; an error where it could not be at all.
    fn finish(mut self, stopped: std::result::Result<(), Stop>) -> std::result::Result<Archive, Stop> {
        self.execution.interrupt.check()?;
        match stopped {
            Ok(()) => {}
            Err(Stop::Ended(reason)) if !self.found.members.is_empty() => self.found.ended = Some(reason),
            Err(stop) => return Err(stop),
        }
        self.parse()?;
        Ok(Archive { submissions: merge(self.chunks), ..self.found })
    }
}

/// The bytes of a member and how many there are, or why there are none.
fn opened<'a>(content: &std::result::Result<&'a [u8], &String>) -> Result<Opened<&'a [u8]>> {
    Ok(content.map(|bytes| (bytes, bytes.len() as u64)).map_err(Clone::clone))
}

/// What a member is.
#[derive(Clone, Copy)]
enum What {
    File,
    Folder,
    /// Something that is not read, and why.
    Other(&'static str),
}

/// The parts of a path that stays inside the archive.
fn parts_of(path: &[u8]) -> std::result::Result<Vec<String>, String> {
    if path.len() > PATH_BYTES {
        return Err(format!("its path is longer than {PATH_BYTES} bytes"));
    }
    let path = std::str::from_utf8(path).map_err(|_| "its path is not UTF-8".to_owned())?;
    let is_absolute = path.starts_with(['/', '\\']) || path.as_bytes().get(1) == Some(&b':');
    if is_absolute {
        return Err("an absolute path, which leads out of the archive".into());
    }
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("a path with .., which leads out of the archive".into());
    }
    Ok(parts.into_iter().map(str::to_owned).collect())
}
