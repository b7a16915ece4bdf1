/// Processor time that a process has taken in all its threads, in microseconds.
pub(crate) fn processor_us(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 =
        fields.split_whitespace().skip(USER).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    ticks * US_PER_TICK
}

/// What a process holds in memory, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

/// Place of the time in user mode behind the name; that in the kernel follows it.
const USER: usize = 11;
/// Linux says 1/100 s to programs, whatever it counts in.
const US_PER_TICK: u64 = 10_000;
