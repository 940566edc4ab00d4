//! Loss of power at every point: what was synced is there afterwards, and what is there is what the
//! store held after some commit, whole.
//!
//! A script of random commits, syncs and reopens runs on a simulated disk, which keeps its contents
//! before every call that changes them. Each of these then crashes in random ways and is recovered.
//! Every commit writes its number as a value in the same batch, so the recovered number says which
//! state everything else has to be in. `OXMQ_SEED` and `OXMQ_CRASH_POINTS` choose the run.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod script;

use oxmq_disk::{Random, SimDisk};

use script::{Script, check, compare};

#[test]
fn nothing_synced_is_lost_at_any_crash_point() {
    let seed = Random::seed_of_run();
    let points_wanted = Random::rounds("OXMQ_CRASH_POINTS", 100_000);
    let mut points = 0;
    let mut random = Random::new(seed);
    while points < points_wanted {
        let mut script = Script::new(random.draw());
        script.disk.keep_images();
        for _ in 0..64 {
            script.step();
        }
        for point in &script.points {
            for _ in 0..6 {
                let crash = random.draw();
                let disk = SimDisk::with_image(point.image.clone()).crash(&mut Random::new(crash));
                let found = check(&disk, &script, point, &mut random);
                assert!(found.is_ok(), "{found:?}: seed {seed}, crash {crash}");
                points += 1;
            }
        }
    }
    println!("{points} crash points");
}

#[test]
fn without_sync_data_is_lost() {
    let seed = Random::seed_of_run();
    let mut random = Random::new(seed);
    let (mut lost, mut points) = (0, 0);
    while points < 2000 {
        let mut script = Script::new(random.draw());
        script.disk.syncs_lie(true);
        script.disk.keep_images();
        for _ in 0..64 {
            script.step();
        }
        for point in &script.points {
            let disk = SimDisk::with_image(point.image.clone()).crash(&mut random);
            lost += u32::from(check(&disk, &script, point, &mut random).is_err());
            points += 1;
        }
    }
    println!("{lost} of {points} lost");
    assert!(lost > points / 4, "a disk that never syncs lost only {lost} of {points}");
}

#[test]
fn a_killed_process_loses_nothing_written() {
    let mut random = Random::new(Random::seed_of_run());
    for _ in 0..20 {
        let mut script = Script::new(random.draw());
        script.disk.keep_images();
        for _ in 0..64 {
            script.step();
        }
        // The system keeps what was written: the contents as they are, without a crash.
        for point in &mut script.points {
            point.promised = point.promised.max(point.written);
        }
        for point in &script.points {
            let disk = SimDisk::with_image(point.image.clone());
            compare(&disk, &script, point, &mut random).unwrap();
        }
    }
}
