/* What a bug report needs, in one file, without secrets: doctor --report. */
#ifndef K3SBOX_DOCTOR_REPORT_H
#define K3SBOX_DOCTOR_REPORT_H

/* From here on, what this process and its children print goes to the report. Its descriptor, or
 * -errno. */
int report_begin(void);

/* Adds status and logs, and writes the file, which is for root alone and replaced as a whole.
 * Closes fd. data_dir: k3s's. An exit status. */
int report_end(int fd, const char *file, const char *data_dir);

#endif
