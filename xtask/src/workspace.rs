use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo;
use crate::failure::Failure;

/// The folder with the workspace's manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// What cargo knows of the workspace: packages and their direct dependencies.
pub(crate) fn metadata() -> Result<Value, Failure> {
    let text = cargo::output(&["metadata", "--no-deps", "--format-version", "1"])?;
    serde_json::from_str(&text).map_err(Failure::while_doing("output of `cargo metadata`"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf, Failure> {
    let metadata = metadata()?;
    let directory = metadata["target_directory"].as_str();
    directory.map(PathBuf::from).ok_or_else(|| Failure::new("`cargo metadata` names no target directory"))
}

/// Builds the program `iothub` optimised, and says where it is.
pub(crate) fn build_iothub() -> Result<PathBuf, Failure> {
    cargo::run(&["build", "--release", "--package", "iothub-cli", "--bin", "iothub"])?;
    let name = format!("iothub{}", std::env::consts::EXE_SUFFIX);
    Ok(target_directory()?.join("release").join(name))
}

/// Every file of the workspace whose name ends in one of `extensions`, in the order of their paths.
///
/// What is built or installed, and what is hidden, is left out.
pub(crate) fn files(extensions: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    collect(root(), extensions, &mut found)?;
    found.sort();
    Ok(found)
}

/// The path as it is shown: from the root of the workspace on, with `/` between the parts.
pub(crate) fn shown(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The text of a file of the workspace.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(Failure::while_doing(shown(path)))
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(Failure::while_doing(folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(Failure::while_doing(folder.display()))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(Failure::while_doing(path.display()))?;
        if kind.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name.as_ref()) {
            collect(&path, extensions, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    Ok(())
}

const NOT_OURS: [&str; 3] = ["target", "node_modules", "__pycache__"];
