/* `redirector --render`: what a made-up phone would be told, for authors of formats. */
#ifndef FIRSTRING_REDIRECTOR_RENDER_COMMAND_H
#define FIRSTRING_REDIRECTOR_RENDER_COMMAND_H

/* argv[0] is "--render". Prints the body, or what is wrong; the exit status of the program. */
int command_render(int argc, char **argv);

#endif
