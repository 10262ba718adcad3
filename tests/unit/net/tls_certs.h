/* Certificates and keys of the TLS tests, good for nothing else; made with openssl, valid 2020
 * to 2120 (one: 2020). */
#include "base/buf.h"
#include "net/pem.h"

static inline bool tls_certs_take(void *arg, const uint8_t *der, size_t len)
{
	struct buf *b = arg;

	if (!b->len) buf_add(b, (const char *)der, len);
	return true;
}

/* The first object of a PEM text, as DER; the caller frees it. */
static inline struct buf tls_certs_der(const char *pem)
{
	struct buf b = {0};

	pem_each(pem, "", tls_certs_take, &b, NULL);
	return b;
}

static const char pem_server_ca_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjzCCATWgAwIBAgIUNkrVQ7AKJuWMCQCWm2lAl2f6wrcwCgYIKoZIzj0EAwIw\n"
	"FDESMBAGA1UEAwwJc2VydmVyLWNhMCAXDTI2MTEyMjExMDQyN1oYDzIxMjYxMDI5\n"
	"MTEwNDI3WjAUMRIwEAYDVQQDDAlzZXJ2ZXItY2EwWTATBgcqhkjOPQIBBggqhkjO\n"
	"PQMBBwNCAAQqRj6GQu7fPJgfoo3UcJBs0BcxaCxSdUj0I3wCVtKKHj6p2Xssjqbr\n"
	"Lhayl8OCLzkUuawCxYx4f+3Tio8trzvKo2MwYTAdBgNVHQ4EFgQUioM7UTTuDG07\n"
	"qH1+hhkE5TrEYNMwHwYDVR0jBBgwFoAUioM7UTTuDG07qH1+hhkE5TrEYNMwDwYD\n"
	"VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwCgYIKoZIzj0EAwIDSAAwRQIg\n"
	"DLaMvC8PkaX+/DmSooIbpm9YqLl0ZOLyzTl4TTaQJFwCIQCeTSUJUeHWzjhX6M2T\n"
	"Y6vHOnInWvNAXSl7NWa63YBI6A==\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_other_ca_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjjCCATOgAwIBAgIUdE8+wAm24AUoXr/A0djCNmz+rAIwCgYIKoZIzj0EAwIw\n"
	"EzERMA8GA1UEAwwIb3RoZXItY2EwIBcNMjYxMTIyMTEwNDI3WhgPMjEyNjEwMjkx\n"
	"MTA0MjdaMBMxETAPBgNVBAMMCG90aGVyLWNhMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
	"AQcDQgAEWGSFoG1M3lLipYcyJBI8GbNRtpdv351ydJHEM9epNTk9sZyQ6fWoHtzI\n"
	"VX9Esem0hLc5UCPrap33E+BhE0tHqqNjMGEwHQYDVR0OBBYEFFy8JywZxb2/S4Zr\n"
	"tX/yX7rw0C2YMB8GA1UdIwQYMBaAFFy8JywZxb2/S4ZrtX/yX7rw0C2YMA8GA1Ud\n"
	"EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgKEMAoGCCqGSM49BAMCA0kAMEYCIQC5\n"
	"hboiY/ROHaHPzdsUrxW5svBLACfOMzT48pRpDn+XFwIhANjAMKsh39/11PePi0OV\n"
	"Kl4CPxZg5janol9xP/PUWgIn\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_client_ca_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjjCCATWgAwIBAgIUMdJJH11HRhKSmURaJcuAnUg8rAowCgYIKoZIzj0EAwIw\n"
	"FDESMBAGA1UEAwwJY2xpZW50LWNhMCAXDTI2MTEyMjExMDQyN1oYDzIxMjYxMDI5\n"
	"MTEwNDI3WjAUMRIwEAYDVQQDDAljbGllbnQtY2EwWTATBgcqhkjOPQIBBggqhkjO\n"
	"PQMBBwNCAARlkaDy+zg0BydtynRrxu6r4KwetLukdH/eRyeru7/2aVvFmxkY5Iez\n"
	"jclr5s+5pVmmDylN1q/y/E19pnTcBWloo2MwYTAdBgNVHQ4EFgQUYF1P8ZTGQsKm\n"
	"uG+7eN6/L06JSxwwHwYDVR0jBBgwFoAUYF1P8ZTGQsKmuG+7eN6/L06JSxwwDwYD\n"
	"VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwCgYIKoZIzj0EAwIDRwAwRAIg\n"
	"AVJ/Bl3nYcyzDHJEA5xA7sHk5lrUDQAh/iKwK42L3IQCIB/QYUhbZ7RtPeKVAnV8\n"
	"vZdBO3Ya3y9omVLh5JweYzgz\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_server_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBqjCCAVCgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlzZXJ2ZXIt\n"
	"Y2EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBExDzANBgNVBAMM\n"
	"BnNlcnZlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABERtmB3dmu8htxtAeTfp\n"
	"AdpF+gU+auBofhcwi/8IAyi8qeaH2yWRWUlXVjOSD+FjuLEQyU5h7aU7UMF7Y7rq\n"
	"Y2CjgZMwgZAwDgYDVR0PAQH/BAQDAgeAMD4GA1UdEQQ3MDWCCmt1YmVybmV0ZXOC\n"
	"CWxvY2FsaG9zdIcEfwAAAYcECisAAYcQAAAAAAAAAAAAAAAAAAAAATAdBgNVHQ4E\n"
	"FgQU3ouV6g/MpGOusuGj8QHqCjwiaQQwHwYDVR0jBBgwFoAUioM7UTTuDG07qH1+\n"
	"hhkE5TrEYNMwCgYIKoZIzj0EAwIDSAAwRQIhAI8DFilayo0V+KbcgGSKA1OYMKMJ\n"
	"GFUSqd+c1jRMfsdTAiAY4Zrtop8UiiiGHPAEy4nY7SbHNK7HUtUIyt9b/GGe8Q==\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_server_key[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEICKnArN7cjNuHvePfCJgOyVXi1/YIUj9fn+3SZkqZDcPoAoGCCqGSM49\n"
	"AwEHoUQDQgAERG2YHd2a7yG3G0B5N+kB2kX6BT5q4Gh+FzCL/wgDKLyp5ofbJZFZ\n"
	"SVdWM5IP4WO4sRDJTmHtpTtQwXtjuupjYA==\n"
	"-----END EC PRIVATE KEY-----\n"
	;
static const char pem_nosan_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBfTCCASOgAwIBAgIBAjAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlzZXJ2ZXIt\n"
	"Y2EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
	"BW5vc2FuMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZk7ksXE+ZewIYNiWRIY5\n"
	"dFpi2gENk59UvAIfx9KY+vnP91BOaCpIJrMhRo3KYJCjt/lnS36Hcl4unTcgQgKf\n"
	"QqNoMGYwDgYDVR0PAQH/BAQDAgeAMBQGA1UdEQQNMAuCCTEyNy4wLjAuMTAdBgNV\n"
	"HQ4EFgQU0Rufmogh52uSK+LDs2+geH704QwwHwYDVR0jBBgwFoAUioM7UTTuDG07\n"
	"qH1+hhkE5TrEYNMwCgYIKoZIzj0EAwIDSAAwRQIhAKzUd+SFaRQkDiW96mH/i1Is\n"
	"aDI6Py4DsbAIXTWzjHbWAiAlq0kfcNvI44o7qHQp5ylJF1RT5FG+t2+2k6G2554I\n"
	"Qw==\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_nosan_key[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIH1/Y3TVYTekViYz5Djde8iyY56KLY79tWCIUeY5haeYoAoGCCqGSM49\n"
	"AwEHoUQDQgAEZk7ksXE+ZewIYNiWRIY5dFpi2gENk59UvAIfx9KY+vnP91BOaCpI\n"
	"JrMhRo3KYJCjt/lnS36Hcl4unTcgQgKfQg==\n"
	"-----END EC PRIVATE KEY-----\n"
	;
static const char pem_expired_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBgjCCASmgAwIBAgIBBTAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlzZXJ2ZXIt\n"
	"Y2EwHhcNMjAwMTAxMDAwMDAwWhcNMjEwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdl\n"
	"eHBpcmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVVIPeaV1l1uqOExGVaGy\n"
	"mEyT+b56JHQljmZTUK/ZJaaQXRwuH7sBdQUbknI8kssU+7jPB0zDjEaa1bQbGgOi\n"
	"QKNuMGwwDgYDVR0PAQH/BAQDAgeAMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAA\n"
	"ATAdBgNVHQ4EFgQUuWStbZtltSD3bMk9p/V6Z92PZGEwHwYDVR0jBBgwFoAUioM7\n"
	"UTTuDG07qH1+hhkE5TrEYNMwCgYIKoZIzj0EAwIDRwAwRAIgJYsEnjEbsZYbw0T9\n"
	"KkQ2foxDAqK30fpm9C7HMbLDvIECIF0tiCMmQVFoofTMse7uAH2jWYd2LzpY0lcr\n"
	"J32OptOf\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_expired_key[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIJ/MqC/p7M6bErBPyExpJ0CaB+i91wFbRo4FGtWJ91jpoAoGCCqGSM49\n"
	"AwEHoUQDQgAEVVIPeaV1l1uqOExGVaGymEyT+b56JHQljmZTUK/ZJaaQXRwuH7sB\n"
	"dQUbknI8kssU+7jPB0zDjEaa1bQbGgOiQA==\n"
	"-----END EC PRIVATE KEY-----\n"
	;
static const char pem_client_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBfTCCASOgAwIBAgIBAzAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAljbGllbnQt\n"
	"Y2EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBExDzANBgNVBAMM\n"
	"BmNsaWVudDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPIj2/78ZebQE5EFlu4E\n"
	"+JJRNQo0A1+id5M03lRo8H9OMHE6haGSA1ZMBrfSW4stf4DfD/ceCmqfu/bdn62h\n"
	"8EqjZzBlMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAdBgNV\n"
	"HQ4EFgQUjq5g7dXm/QwCwsrt6u/nDFdx2bowHwYDVR0jBBgwFoAUYF1P8ZTGQsKm\n"
	"uG+7eN6/L06JSxwwCgYIKoZIzj0EAwIDSAAwRQIgT866AuCDcarKKyu82jiYT6CS\n"
	"iE24Dx1UzSJZzBuDfR4CIQDZKNN+O2goNz9xH+VVevOyQ7LDCra5fmv2lwYF/SZv\n"
	"VA==\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_client_key[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIOBBNf9wsJ8SSex6YevnGdToci0dI6b7X0s3hNR3MtlhoAoGCCqGSM49\n"
	"AwEHoUQDQgAE8iPb/vxl5tATkQWW7gT4klE1CjQDX6J3kzTeVGjwf04wcTqFoZID\n"
	"VkwGt9Jbiy1/gN8P9x4Kap+79t2fraHwSg==\n"
	"-----END EC PRIVATE KEY-----\n"
	;
static const char pem_rsa_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIICRTCCAeugAwIBAgIBBDAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAljbGllbnQt\n"
	"Y2EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA4xDDAKBgNVBAMM\n"
	"A3JzYTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALp2ksWELfevijwO\n"
	"1/UgRU4ZhwqptCgEkKHAnyVqL6hfFKecbUa70oo1hn/rQNOatU+ojPgVGS9xjbQc\n"
	"EHDk323wvzBT6apX8+VUJFmMyWIj9KuuVnS0wHABHiy11PWfPPw8aE3iZUKi/5p7\n"
	"suL9bYIrW3jnrUdFF4Ay/2PsrJ1+Q5JVIULD3JWMYT03mBo2vt741Asa/ejwXlWP\n"
	"7yZw8VeEjXlcw1pJ5Ibh87rxK0UhPBN2yBkEcwVDgnK2gZ+TMjVwJDQ2i/KtHQ1x\n"
	"o6mGdpFPTMAxVl/eCtS0zi3YvSmxEAYF9hY/pyEpvOwwKd6ID5g2Egs6ofQX9OPD\n"
	"A9PhB/kCAwEAAaNnMGUwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUF\n"
	"BwMCMB0GA1UdDgQWBBS25xbdKfllqjuhFl/oOnSXP00eLDAfBgNVHSMEGDAWgBRg\n"
	"XU/xlMZCwqa4b7t43r8vTolLHDAKBggqhkjOPQQDAgNIADBFAiB0PpijIy7toA8V\n"
	"pvsGNqqJLRHBO2pATqz2em47toxZsAIhAL6lCtEQrsvH7rfl8YhRUZL1kdkPJHLW\n"
	"KI4wLtP41op1\n"
	"-----END CERTIFICATE-----\n"
	;
static const char pem_rsa_key[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC6dpLFhC33r4o8\n"
	"Dtf1IEVOGYcKqbQoBJChwJ8lai+oXxSnnG1Gu9KKNYZ/60DTmrVPqIz4FRkvcY20\n"
	"HBBw5N9t8L8wU+mqV/PlVCRZjMliI/SrrlZ0tMBwAR4stdT1nzz8PGhN4mVCov+a\n"
	"e7Li/W2CK1t4561HRReAMv9j7KydfkOSVSFCw9yVjGE9N5gaNr7e+NQLGv3o8F5V\n"
	"j+8mcPFXhI15XMNaSeSG4fO68StFITwTdsgZBHMFQ4JytoGfkzI1cCQ0NovyrR0N\n"
	"caOphnaRT0zAMVZf3grUtM4t2L0psRAGBfYWP6chKbzsMCneiA+YNhILOqH0F/Tj\n"
	"wwPT4Qf5AgMBAAECggEADee9y6EEfzjGCZ3fGQFOac6ZitVbrAhQc4pBKVx2hWCM\n"
	"fRtl7Xp1maei33M/Iwih23jpr659xv35iqRKeEDOhg0IFPs3rQ5guooV09/IkjBg\n"
	"P1VW+TO+43C8kVUAtqMovHQSIIzGRGaSF9vVsVEjk4DW53ik1sXI74neEH5Gjnq1\n"
	"LGWmKODJ+3u7zDrhP9y20HG3rftwV1wN/5tF/IoEKfaQ85rRxhCSi/jORIJXLklv\n"
	"fUgjcdPNhSTwDgrQMz/68Zi0BaFrmTRA4kxQ9QmHAxWxXYbOh0KGChrUEWdrSG9c\n"
	"P8nO3Z9NLpAEb0POepluu5HXiXoGfjorhoiIRqWf6QKBgQD5TkzQX/fW13qIHMd1\n"
	"O6QcNwZgcSrl/28bN6B9efzXK3a9DcUAZWJBAkhx3/wffCPTUm1XIyQYkOnVCGgm\n"
	"083/cf8O1MLVW5pNk5a1Bs6HPx26TEpEZPDr1VqM/1kYKVi6aDyVvAi983W9sCpp\n"
	"YK4kodhm9sb54gZfh3aMvcybtwKBgQC/eEzD653z2Vt2cbJfRwVh9UR4/qizFzHa\n"
	"MxC1mm8/FXUPaEmSpo+Jt+V7Js6UiOEH4fxyo28tHQab+UJCdAqTGHS8NEAAe8YN\n"
	"Hb4giRi7JzRyZuc98PQtPzYIh2W7kUPeyuaJEHRLGhXBml09jfQ/arCdmfmB2spK\n"
	"EhcZghfZzwKBgBMlUT7bb+Qe7jkPxL2bE/Jaw3Gan0nEgRrc/cVFHgbEPr0sFon+\n"
	"Pzpw23FrWyhr1zB+bwk3GKmOT3bdy2nX8EUC0yynaEMMYuA8SmGioS+/yB+rhjSU\n"
	"b/AclXSok4YIftjp8mUpaJ512P/1THyFQTps93qIzyUXl5e0hoUuek0nAoGATosG\n"
	"0ofg75sGTfwt86+qoZh/UjME+RJWvO+dtyF26SXgM0XQiHwS/aeWV4J/06aiyR0G\n"
	"9e/dN2Bkya7iY2g+vkCWAm5cotYjVFYTHD2hC4T1mshjq6EgST9Y5v7D2MGqWcZZ\n"
	"83fwfK5iplywSwPkYe9eLAhxtbcOrHvnRet75TkCgYEAxsdwiAmLLuGUsz72GL+K\n"
	"o6qkhJ/5gTWrwr6fR9uLc0kSvvcSAZ+K3GiWFSc4dKVqbYujVszT+ZHA9Kds+Dxy\n"
	"vdGMVIyrrBwjCOymsGdFkiz84o9C6W2tn0lJtk8wWK8hncmFwivhJI7PfXCm/3G/\n"
	"3LhlkLtemoXpx3lPB6v2qpw=\n"
	"-----END PRIVATE KEY-----\n"
	;
static const char pem_client_key8[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4EE1/3CwnxJJ7Hph\n"
	"6+cZ1OhyLR0jpvtfSzeE1Hcy2WGhRANCAATyI9v+/GXm0BORBZbuBPiSUTUKNANf\n"
	"oneTNN5UaPB/TjBxOoWhkgNWTAa30luLLX+A3w/3Hgpqn7v23Z+tofBK\n"
	"-----END PRIVATE KEY-----\n"
	;
