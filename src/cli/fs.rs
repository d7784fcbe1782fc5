//! Files: the only place that reads and writes them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::source::{LoadError, Loader};

/// A model's text and the folder that its other files come from.
pub(super) struct Model {
    /// Its name within that folder.
    pub name: String,
    /// Its bytes.
    pub text: Vec<u8>,
    /// Reads the files that it uses.
    pub loader: Folder,
}

/// Reads files of one folder and below.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Where a file is. A link may lead out of the folder even where the path does not.
    fn find(&self, path: &str) -> Result<PathBuf, LoadError> {
        let full = self.0.join(path);
        let (Ok(root), Ok(real)) = (self.0.canonicalize(), full.canonicalize()) else { return Err(LoadError::Missing) };
        if !real.starts_with(&root) {
            return Err(LoadError::Unreadable("it is a link that leads out of the model's folder".into()));
        }
        Ok(real)
    }
}

impl Loader for Folder {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(self.find(path)?).map_err(|e| refused(&e))
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read>, LoadError> {
        let file = File::open(self.find(path)?).map_err(|e| refused(&e))?;
        // Unix opens a folder and refuses to read it only later.
        if file.metadata().is_ok_and(|m| m.is_dir()) {
            return Err(refused(&io::ErrorKind::IsADirectory.into()));
        }
        Ok(Box::new(BufReader::new(file)))
    }
}

fn refused(error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::Missing,
        _ => LoadError::Unreadable(plain(error)),
    }
}

/// Reads a model; `-` is standard input.
pub(super) fn read(path: &Path) -> io::Result<Model> {
    if path == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        return Ok(Model { name: "<stdin>".into(), text, loader: Folder(PathBuf::from(".")) });
    }
    let text = std::fs::read(path).map_err(|e| named("cannot read", path, &e))?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(Model { name, text, loader: Folder(folder.to_path_buf()) })
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    write_with(path, |out| out.write_all(text.as_bytes()))
}

/// Writes a file whole or not at all, piece by piece: into a file beside it first, which then takes its name.
pub(super) fn write_with(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wrong = |e: io::Error| named("cannot write", path, &e);
    let mut file = tempfile::Builder::new().prefix(".flowc-").tempfile_in(folder).map_err(wrong)?;
    let mut buffered = BufWriter::new(file.as_file_mut());
    content(&mut buffered).and_then(|()| buffered.flush()).map_err(wrong)?;
    drop(buffered);
    // A temporary file is private; what takes its place should be as readable as any new file, or as the old one was.
    let permissions = std::fs::metadata(path).map(|m| m.permissions());
    #[cfg(unix)]
    let permissions = permissions.unwrap_or_else(|_| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::Permissions::from_mode(0o644)
    });
    #[cfg(unix)]
    file.as_file().set_permissions(permissions).map_err(wrong)?;
    #[cfg(not(unix))]
    let _ = permissions;
    file.persist(path).map_err(|e| named("cannot write", path, &e.error))?;
    Ok(())
}

/// Makes a folder, if it is not there.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path).map_err(|e| named("cannot make", path, &e))
}

/// Writes a file that may not be there yet.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|e| named("cannot create", path, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| named("cannot create", path, &e))
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} `{}`: {}", path.display(), plain(error)))
}

/// What the system says, without its number.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "it is not allowed".into(),
        io::ErrorKind::AlreadyExists => "it is already there".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}
