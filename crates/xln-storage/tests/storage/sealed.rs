//! Sealed files: the old content or the new, and not one bit else.

use crate::shop::{bytes_of, put};
use xln_storage::sealed_file::{SEALED_BYTES_MAX, SealedError, read, write};
use xln_storage::{Disk, DiskError, MemDisk};

#[test]
fn content_comes_back_and_is_replaced_whole() {
    let mut disk = MemDisk::new();
    assert!(matches!(read(&disk, "id"), Err(SealedError::Disk(DiskError::NotFound { .. }))));
    for content in [&b""[..], b"one", &[7; 10_000], b"two"] {
        write(&mut disk, "id", content).unwrap();
        disk.crash(1);
        assert_eq!(read(&disk, "id").unwrap(), content);
    }
    assert_eq!(disk.list().unwrap(), ["id"]);
}

#[test]
fn every_interruption_leaves_the_old_or_the_new() {
    for cut in 0..7 {
        for seed in 0..30 {
            let mut disk = MemDisk::new();
            write(&mut disk, "id", b"old").unwrap();
            disk.cut_power_after(cut);
            let done = write(&mut disk, "id", b"new").is_ok();
            disk.crash(seed);
            let found = read(&disk, "id").unwrap();
            assert!(found == b"new" || (found == b"old" && !done), "cut={cut} seed={seed}");
        }
    }
}

#[test]
fn every_flipped_bit_and_every_other_length_is_seen() {
    let mut disk = MemDisk::new();
    write(&mut disk, "id", b"content").unwrap();
    let whole = bytes_of(&disk, "id");
    for bit in 0..whole.len() * 8 {
        let rotten = disk.copy();
        rotten.flip_bit("id", bit);
        assert!(matches!(read(&rotten, "id"), Err(SealedError::Damaged { .. })), "bit={bit}");
    }
    let longer = [&whole[..], &[0]].concat();
    for bytes in (0..whole.len()).map(|len| &whole[..len]).chain([&longer[..]]) {
        put(&mut disk, "id", bytes);
        assert!(matches!(read(&disk, "id"), Err(SealedError::Damaged { .. })), "len={}", bytes.len());
    }
}

#[test]
fn too_long_is_refused_before_anything_is_written_or_allocated() {
    let mut disk = MemDisk::new();
    let long = write(&mut disk, "id", &vec![0; SEALED_BYTES_MAX + 1]);
    assert!(matches!(long, Err(SealedError::Oversized { .. })));
    assert!(disk.list().unwrap().is_empty());
    disk.create("huge").unwrap();
    disk.truncate("huge", 17 << 20).unwrap();
    assert!(matches!(read(&disk, "huge"), Err(SealedError::Oversized { .. })));
}
