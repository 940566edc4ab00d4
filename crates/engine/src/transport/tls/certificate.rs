//! What an X.509 certificate says of its time and of its subject: the little that is asked of one
//! that the configuration trusts as it is. Reads DER without trusting a length in it; owns nothing.

/// What is read of a certificate. RFC 5280 §Certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    /// Seconds since 1970, both included.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// The common names of the subject.
    pub(super) common_names: Vec<&'a str>,
    /// It names its subjects in an extension, so that the common name means nothing.
    pub(super) has_alternative_names: bool,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// UTF8String, PrintableString, TeletexString and IA5String.
const STRINGS: [u8; 4] = [0x0C, 0x13, 0x14, 0x16];
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
/// Object identifiers, as encoded.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

impl<'a> Facts<'a> {
    /// Reads a certificate; `None` if it is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut signed = Der(Der(der).expect(SEQUENCE)?);
        let mut body = Der(signed.expect(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.next()?;
        }
        let (_serial, _algorithm, _issuer) = (body.next()?, body.next()?, body.next()?);
        let mut validity = Der(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let common_names = common_names(body.expect(SEQUENCE)?)?;
        let _key = body.next()?;
        let mut has_alternative_names = false;
        while let Some((tag, content)) = body.next() {
            if tag == EXTENSIONS {
                has_alternative_names = has_extension(content, SUBJECT_ALT_NAME)?;
            }
        }
        Some(Self { not_before, not_after, common_names, has_alternative_names })
    }
}

fn common_names(subject: &[u8]) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut sets = Der(subject);
    while !sets.0.is_empty() {
        let mut set = Der(sets.expect(SET)?);
        while !set.0.is_empty() {
            let mut attribute = Der(set.expect(SEQUENCE)?);
            let kind = attribute.expect(OBJECT)?;
            let (tag, value) = attribute.next()?;
            if kind == COMMON_NAME && STRINGS.contains(&tag) {
                names.extend(str::from_utf8(value));
            }
        }
    }
    Some(names)
}

fn has_extension(content: &[u8], wanted: &[u8]) -> Option<bool> {
    let mut list = Der(Der(content).expect(SEQUENCE)?);
    let mut found = false;
    while !list.0.is_empty() {
        found |= Der(list.expect(SEQUENCE)?).expect(OBJECT)? == wanted;
    }
    Some(found)
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`, in seconds since 1970.
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let short = number(&digits[..2])?;
            (if short < 50 { 2000 + short } else { 1900 + short }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let field = |at: usize| number(&rest[2 * at..2 * at + 2]);
    let (month, day) = (field(0)?, field(1)?);
    let seconds = (field(2)? * 60 + field(3)?) * 60 + field(4)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    // Days before the month in a year that begins with March, so that a leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1;
    const DAYS_TO_1970: i64 = 719_468;
    Some((days - DAYS_TO_1970) * 86_400 + seconds)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Elements of DER, one behind the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element's tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (octets, behind) = rest.split_at_checked(length - 0x80)?;
            if octets.is_empty() || octets.len() > 4 {
                return None;
            }
            length = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            rest = behind;
        }
        let (content, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((tag, content))
    }

    /// The content of the next element, if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn certificate(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "an organisation");
        params.distinguished_name.push(rcgen::DnType::CommonName, "example.org");
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn names_and_times_are_read() {
        let der = certificate(|params| {
            params.not_before = rcgen::date_time_ymd(2024, 2, 29);
            params.not_after = rcgen::date_time_ymd(2060, 3, 1);
        });
        let expected = Facts {
            not_before: 1_709_164_800,
            not_after: 2_845_324_800,
            common_names: vec!["example.org"],
            has_alternative_names: false,
        };
        assert_eq!(Facts::read(&der), Some(expected));
        let san = rcgen::SanType::DnsName("example.org".try_into().unwrap());
        let der = certificate(|params| params.subject_alt_names = vec![san]);
        assert!(Facts::read(&der).unwrap().has_alternative_names);
    }

    #[test]
    fn what_is_cut_or_altered_is_read_or_refused_but_never_harms() {
        let der = certificate(|_| {});
        for length in 0..der.len() {
            assert_eq!(Facts::read(&der[..length]), None);
        }
        for at in 0..der.len() {
            for bit in 0..8 {
                let mut altered = der.clone();
                altered[at] ^= 1 << bit;
                let _ = Facts::read(&altered);
            }
        }
    }

    #[test]
    fn times_of_either_form_and_century() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20000229120000Z", Some(951_825_600)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (UTC_TIME, "701301000000Z", None),
            (GENERALIZED_TIME, "700101000000Z", None),
            (UTC_TIME, "700101000000", None),
        ] {
            assert_eq!(time((tag, text.as_bytes())), seconds, "{text}");
        }
    }
}
