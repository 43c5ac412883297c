//! Which users of this machine may take part in what processes of ours do among themselves. One door: [`is_trusted`].

/// Whether a process or a file of this user is to be relied on: whoever has the same rights as this process, or all.
pub fn is_trusted(uid: u32) -> bool {
    uid == own_uid() || uid == 0
}

/// The user that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_own_user_are_trusted_and_nobody_else() {
        assert!(is_trusted(0) && is_trusted(own_uid()) && !is_trusted(own_uid() + 1));
    }
}
