/* JSON documents hold claim codes and passwords: their memory is wiped when it is freed. */
#ifndef FIRSTRING_PORTAL_JSON_MEMORY_H
#define FIRSTRING_PORTAL_JSON_MEMORY_H

/* From now on, in this process. Before the first document is made. */
void json_memory_wipe_on_free(void);

#endif
