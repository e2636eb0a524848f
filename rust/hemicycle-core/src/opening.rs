//! Opening files that strangers placed: only regular files, no link that leads elsewhere, nothing that blocks.

use std::fs::File;
use std::path::{Component, Path};

/// What is said of a link.
pub const LINK: &str = "is a symbolic link; links are not followed";

/// Open a path that must be a regular file: a pipe or a device could block or never end.
///
/// # Errors
/// What is wrong with it, in words.
pub fn open_regular(path: &Path) -> Result<File, String> {
    regular(system::open(path)?)
}

/// A folder whose files are opened by names relative to it.
#[derive(Debug)]
pub struct Folder {
    root: system::Root,
}

impl Folder {
    /// Open the folder; it may itself be reached by a link.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn open(path: &Path) -> Result<Self, String> {
        Ok(Self { root: system::open_root(path)? })
    }

    /// Open a regular file inside the folder; no part of its path may be a link.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn open_regular(&self, path: &Path) -> Result<File, String> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if path.components().next().is_none() || !path.components().all(plain) {
            return Err("leads out of the folder".into());
        }
        regular(system::open_inside(&self.root, path)?)
    }
}

/// The file, once it is known to be a regular one: its own metadata are asked, not those of a path that may have changed.
fn regular(file: File) -> Result<File, String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.is_dir() {
        return Err("is a directory; a file is needed".into());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    Ok(file)
}

#[cfg(unix)]
mod system {
    use rustix::fd::OwnedFd;
    use rustix::fs::{CWD, Mode, OFlags, open as open_at_once, openat};
    use rustix::io::Errno;

    use super::{File, LINK, Path};

    pub(super) type Root = OwnedFd;

    /// Reading only, and not waiting for a pipe that nobody writes to.
    const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

    pub(super) fn open(path: &Path) -> Result<File, String> {
        openat(CWD, path, READ, Mode::empty()).map(File::from).map_err(reason)
    }

    pub(super) fn open_root(path: &Path) -> Result<Root, String> {
        open_at_once(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty()).map_err(reason)
    }

    pub(super) fn open_inside(root: &Root, path: &Path) -> Result<File, String> {
        let (Some(name), parent) = (path.file_name(), path.parent()) else {
            return Err("leads out of the folder".into());
        };
        let mut folder: Option<OwnedFd> = None;
        for part in parent.into_iter().flat_map(Path::components) {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            folder =
                Some(openat(folder.as_ref().unwrap_or(root), part.as_os_str(), flags, Mode::empty()).map_err(link)?);
        }
        let file = openat(folder.as_ref().unwrap_or(root), name, READ | OFlags::NOFOLLOW, Mode::empty());
        file.map(File::from).map_err(link)
    }

    fn link(error: Errno) -> String {
        if matches!(error, Errno::LOOP | Errno::MLINK) { LINK.into() } else { reason(error) }
    }

    fn reason(error: Errno) -> String {
        match error {
            Errno::NOENT => "there is no such file".into(),
            Errno::NXIO => "is not a regular file".into(),
            _ => std::io::Error::from(error).to_string(),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::PathBuf;

    use super::{File, LINK, Path};

    pub(super) type Root = PathBuf;

    pub(super) fn open(path: &Path) -> Result<File, String> {
        let metadata = std::fs::metadata(path).map_err(reason)?;
        if metadata.is_dir() {
            return Err("is a directory; a file is needed".into());
        }
        File::open(path).map_err(reason)
    }

    pub(super) fn open_root(path: &Path) -> Result<Root, String> {
        std::fs::canonicalize(path).map_err(reason)
    }

    pub(super) fn open_inside(root: &Root, path: &Path) -> Result<File, String> {
        let whole = root.join(path);
        let real = std::fs::canonicalize(&whole).map_err(reason)?;
        let is_link = std::fs::symlink_metadata(&whole).map_err(reason)?.is_symlink();
        if is_link || !real.starts_with(root) { Err(LINK.into()) } else { open(&whole) }
    }

    fn reason(error: std::io::Error) -> String {
        match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".into(),
            _ => error.to_string(),
        }
    }
}
