/// Processor time that this process has taken in all its threads, in nanoseconds.
pub(crate) fn processor_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    threads
        .map(|thread| {
            let said = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            said.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        })
        .sum()
}

/// What this process holds in memory, in bytes.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}
