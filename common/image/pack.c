/* The pause image: this program under the name that k3s asks for. */
#include "image/pack.h"

#include "base/buf.h"
#include "image/image.h"

int image_pack_pause(const char *out_path, const char *tag)
{
	_cleanup_buf_ struct buf name = {0};
	_cleanup_strv_ struct strv entrypoint = {0};
	_cleanup_image_ struct image im = { .entrypoint = &entrypoint };

	strv_add(&entrypoint, "/pause");
	int r = image_tag(tag, &name, NULL);
	im.tag = name.data;
	if (!r) r = image_add_pause(&im, NULL);
	if (!r) r = image_settle(&im, NULL);
	return r ? r : image_write_path(&im, out_path, NULL);
}
