use std::path::Path;

use object::read::elf::{ElfFile32, ElfFile64};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};

use crate::failure::Failure;

/// What the file of a program says about it.
pub(crate) struct Program {
    /// Code and constants, in bytes: what it takes of flash.
    pub(crate) flash: u64,
    /// Variables that begin with a value, which takes as much of flash.
    pub(crate) data: u64,
    /// Variables that begin as zero.
    pub(crate) bss: u64,
    /// Its functions and variables, by name and size in bytes.
    pub(crate) symbols: Vec<(String, u64)>,
    /// What it takes from libraries when it starts.
    pub(crate) imports: Vec<String>,
}

impl Program {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = std::fs::read(path).map_err(Failure::while_doing(path.display()))?;
        let elf32 = ElfFile32::<'_, object::Endianness>::parse(file.as_slice());
        match elf32 {
            Ok(file) => Ok(Self::describe(&file)),
            Err(_) => ElfFile64::<'_, object::Endianness>::parse(file.as_slice())
                .map(|file| Self::describe(&file))
                .map_err(Failure::while_doing(path.display())),
        }
    }

    /// The functions in it that are called when a program panics.
    pub(crate) fn panics(&self) -> Vec<&str> {
        let names = self.symbols.iter().map(|(name, _)| name.as_str());
        names.filter(|name| PANICS.iter().any(|part| name.contains(part))).collect()
    }

    /// What in it asks for memory while it runs.
    pub(crate) fn allocations(&self) -> Vec<&str> {
        let names = self.symbols.iter().map(|(name, _)| name).chain(&self.imports);
        names.map(String::as_str).filter(|name| ALLOCATIONS.iter().any(|part| name.contains(part))).collect()
    }

    /// What it takes from libraries though a microcontroller has none of it.
    pub(crate) fn foreign(&self) -> Vec<&str> {
        let names = self.imports.iter().map(String::as_str);
        names.filter(|name| !name.starts_with('_') && !OF_CORE.contains(name)).collect()
    }

    fn describe<'f>(file: &impl Object<'f>) -> Self {
        let mut program = Self { flash: 0, data: 0, bss: 0, symbols: Vec::new(), imports: Vec::new() };
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if !sh_flags.contains(elf::SHF_ALLOC) {
                continue;
            }
            let is_data = sh_flags.contains(elf::SHF_WRITE);
            match (is_data, section.kind() == object::SectionKind::UninitializedData) {
                (true, true) => program.bss += section.size(),
                (true, false) => program.data += section.size(),
                (false, _) => program.flash += section.size(),
            }
        }
        for symbol in file.symbols() {
            if let Ok(name) = symbol.name() {
                program.symbols.push((name.to_owned(), symbol.size()));
            }
        }
        let imports = file.dynamic_symbols().filter(ObjectSymbol::is_undefined);
        program.imports.extend(imports.filter_map(|symbol| symbol.name().ok()).map(str::to_owned));
        program
    }
}

/// Parts of mangled names. The last is the panic handler of the programs.
const PANICS: [&str; 4] = ["9panicking", "unwrap_failed", "expect_failed", "bare_panicked"];

/// The first three are what `alloc` calls and what it is made of.
const ALLOCATIONS: [&str; 6] = ["__rust_alloc", "__rust_realloc", "5alloc", "malloc", "calloc", "realloc"];

/// What compiled code may call for although it does not say so.
const OF_CORE: [&str; 5] = ["bcmp", "memcmp", "memcpy", "memmove", "memset"];
