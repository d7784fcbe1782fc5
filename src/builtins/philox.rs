//! Random bits as a pure function of where they are drawn: Philox4x32-10, from Salmon, Moraes, Dror, Shaw (2011), Parallel random
//! numbers: as easy as 1, 2, 3 (SC11).
//!
//! In: a seed, a draw's name and labels ([`key`]), run, step and member ([`Place`]). Out: bits ([`block`]), numbers between 0 and
//! 1 ([`uniform`], [`Stream`]). Invariant: nothing is kept between draws, so a number hangs on its place alone, not on order,
//! threads or what else is drawn. Absent on purpose: `std`'s hashes, whose keys are random; the traits of `rand`, whose samplers
//! use the platform's mathematics.

/// Where a draw happens: which run, which step, the number of the member (0 where there are none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub run: u32,
    /// Its number.
    pub step: u32,
    /// Its number.
    pub member: u32,
}

/// What names a draw: FNV-1a, 64 bits (Fowler, Noll, Vo), over the bytes of its name, then for each label a byte 0xff, which
/// is in no text, and its bytes.
pub fn name_hash(name: &str, labels: &[&str]) -> u64 {
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let of_name = name.bytes().fold(0xcbf2_9ce4_8422_2325, add);
    labels.iter().fold(of_name, |hash, label| label.bytes().fold(add(hash, 0xff), add))
}

/// The key of a draw. For one seed, two draws have the same key only if their names have the same hash, so that a collision is
/// seen before any seed is known: what is done with the hash can be undone.
pub fn key(seed: u64, name_hash: u64) -> u64 {
    mix(name_hash ^ mix(seed ^ 0x9e37_79b9_7f4a_7c15))
}

/// Variant 13 of Stafford (2011), Better bit mixing, as in SplitMix64: each bit of the input moves half the bits of the output.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Philox4x32-10: four words of 32 bits from a counter of four and a key of two. One counter and key after another give what
/// no statistical test (TestU01's BigCrush) tells from chance.
#[inline(always)]
pub fn block(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    // Words in 64 bits, because the product of two of those is the one vector product that all machines have.
    let [mut a, mut b, mut c, mut d] = counter.map(u64::from);
    let [mut left, mut right] = key;
    for _ in 0..10 {
        let (first, second) = (a * 0xd251_1f53, c * 0xcd9e_8d57);
        (a, b, c, d) = (
            (second >> 32) ^ b ^ u64::from(left),
            second & 0xffff_ffff,
            (first >> 32) ^ d ^ u64::from(right),
            first & 0xffff_ffff,
        );
        left = left.wrapping_add(0x9e37_79b9);
        right = right.wrapping_add(0xbb67_ae85);
    }
    [a, b, c, d].map(|word| word as u32)
}

/// The `sub`-th pair of 64 bits of a draw. The counter is (run, step, member, sub).
#[inline(always)]
fn pair(key: u64, at: Place, sub: u32) -> [u64; 2] {
    let [a, b, c, d] = block([at.run, at.step, at.member, sub], [key as u32, (key >> 32) as u32]);
    [u64::from(a) | u64::from(b) << 32, u64::from(c) | u64::from(d) << 32]
}

/// 64 bits as a number between 0 and 1, and neither: the upper 52 bits as k give (k + ½) / 2⁵². All 2⁵² values are equally likely,
/// the least is 2⁻⁵³, and with each `u` there is 1 − u, exactly: a sample and its mirror image are both drawn.
#[inline(always)]
pub fn unit(bits: u64) -> f64 {
    // 1 + k / 2⁵², written as bits; what is taken away is 1 − 2⁻⁵³, and the difference is exact.
    f64::from_bits((bits >> 12) | 0x3ff0_0000_0000_0000) - (1.0 - f64::EPSILON / 2.0)
}

/// The uniform number behind a draw: the first of its [`Stream`].
#[inline(always)]
pub fn uniform(key: u64, at: Place) -> f64 {
    let [first, _] = pair(key, at, 0);
    unit(first)
}

/// As many numbers as a draw needs, for what is not a function of one: rejection takes an unknown number.
///
/// It begins anew after 2³³ numbers; that a sampler here takes more than 256 is less likely than 2⁻⁶⁴.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    at: Place,
    sub: u32,
    spare: Option<u64>,
}

impl Stream {
    /// The stream of a draw.
    pub fn new(key: u64, at: Place) -> Stream {
        Stream { key, at, sub: 0, spare: None }
    }

    /// The next number between 0 and 1.
    pub fn uniform(&mut self) -> f64 {
        unit(self.spare.take().unwrap_or_else(|| {
            let [now, later] = pair(self.key, self.at, self.sub);
            self.sub = self.sub.wrapping_add(1);
            self.spare = Some(later);
            now
        }))
    }
}
