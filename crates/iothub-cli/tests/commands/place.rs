use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{End, Program};

/// A folder in which everything lies that a program would otherwise find with the user.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("iothub-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        for folder in ["home", "run", "tmp"] {
            std::fs::create_dir_all(path.join(folder)).unwrap();
        }
        Self(path)
    }

    /// A file or folder inside, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A file inside with this content, as an argument.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// `iothub` with these arguments, with none of the variables of whoever runs the tests but the path.
    pub(crate) fn command<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = self.program(Path::new(env!("CARGO_BIN_EXE_iothub")));
        command.args(arguments.iter().map(AsRef::as_ref));
        command
    }

    /// Has a command of root run as somebody else, to whom this place then belongs.
    #[cfg(target_os = "linux")]
    pub(crate) fn unprivileged(&self, command: &mut Command) {
        use std::os::unix::{fs::chown, process::CommandExt};

        const NOBODY: u32 = 65534;
        for folder in ["", "home", "run", "tmp"] {
            chown(self.0.join(folder), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Where the program was built others may not be let in. Written by another process, as a program that
        // is open for writing here is busy for every test that starts one in this moment.
        let copy = self.0.join("iothub");
        let copied = Command::new("cp").arg(command.get_program()).arg(&copy).status().unwrap();
        assert!(copied.success());
        let mut other = self.program(&copy);
        other.args(command.get_args()).uid(NOBODY).gid(NOBODY);
        *command = other;
    }

    /// A line of sh, in which `iothub` is the program.
    pub(crate) fn shell(&self, script: &str) -> End {
        self.shell_named("sh", script)
    }

    /// The same for a shell of this name.
    pub(crate) fn shell_named(&self, shell: &str, script: &str) -> End {
        Program::start(self.script(shell, script), b"").end()
    }

    /// A line of sh that goes on running.
    pub(crate) fn start_shell(&self, script: &str) -> Program {
        Program::start(self.script("sh", script), b"")
    }

    fn script(&self, shell: &str, script: &str) -> Command {
        let mut command = self.program(Path::new(shell));
        command.args(["-c", script]);
        let folder = Path::new(env!("CARGO_BIN_EXE_iothub")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = core::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    /// Starts `iothub` with these arguments.
    pub(crate) fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Program {
        Program::start(self.command(arguments), b"")
    }

    /// Runs `iothub` with these arguments to its end.
    pub(crate) fn run<S: AsRef<str>>(&self, arguments: &[S]) -> End {
        self.start(arguments).end()
    }

    /// The same, with a line whose arguments have no blanks in them.
    pub(crate) fn line(&self, line: &str) -> End {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.0.join("home")).env("TMPDIR", self.0.join("tmp"));
        command.env("XDG_RUNTIME_DIR", self.0.join("run")).current_dir(&self.0);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
