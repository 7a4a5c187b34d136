"""The FFmpeg formats that may be opened: those that contain audio or pictures themselves.

FFmpeg also has readers that open other files and addresses (playlists, image sequences, `sbg`'s
sound scripts), devices, and text. An untrusted file must not be able to select them. Formats are
therefore allowed by name, and a format that a later FFmpeg adds is refused until it has been
reviewed here.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Audio and pictures in a single file. A single picture (`*_pipe`) is read as a video of one frame.
RECORDINGS = _names(
    """
    3dostr 3g2 3gp 4xm aa aac aax ac3 ac4 ace acm act adp ads adx aea afc aiff aix alaw alias_pix
    alp amr amrnb amrwb anm apac apc ape apm apng aptx aptx_hd apv argo_asf argo_brp argo_cvg asf
    asf_o ast au av1 avi avr avs avs2 avs3 bethsoftvid bfi bfstm bink binka bit bitpacked bmp_pipe
    bmv boa bonk brender_pix brstm c93 caf cavsvideo cdg cdxl cine codec2 codec2raw cri_pipe daud
    dcstr dds_pipe derf dfa dfpwm dhav dirac dnxhd dpx_pipe dsf dsicin dss dts dtshd dv dxa ea
    ea_cdata eac3 epaf evc exr_pipe f32be f32le f64be f64le film_cpk filmstrip fits flac flic flv
    frm fsb fwse g722 g723_1 g726 g726le g728 g729 gdv gem_pipe genh gif gif_pipe gsm gxf h261
    h263 h264 hca hcom hdr_pipe hevc hnm hxvs iamf ico idcin iff ifv ilbc image2pipe ingenient
    ipmovie ipu ircam iss iv8 ivf ivr j2k_pipe jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe
    jpegxs_pipe jv kux kvag laf lc3 libgme libmodplug libopenmpt live_flv lmlm4 loas luodat lvf
    lxf m4a m4v matroska mgsts mj2 mjpeg mjpeg_2000 mlp mm mmf mods moflex mov mp3 mp4 mpc mpc8
    mpeg mpegts mpegtsraw mpegvideo mpjpeg msf msp mtaf mtv mulaw musx mv mvi mxf mxg nc
    nistsphere nsp nsv nut nuv obu ogg oma osq paf pam_pipe pbm_pipe pcx_pipe pdv pfm_pipe
    pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe pictor_pipe pmp png_pipe pp_bnk ppm_pipe
    psd_pipe psxstr pva pvf qcp qdraw_pipe qoa qoi_pipe r3d rawvideo redspark rka rl2 rm roq rpl
    rsd rso s16be s16le s24be s24le s32be s32le s337m s8 sbc scd sdns sdr2 sds sdx ser sga
    sgi_pipe shn siff simbiosis_imx sln smjpeg smk smush sol sox spdif sunrast_pipe svag svs swf
    tak thp tiertexseq tiff_pipe tmv truehd tta txd ty u16be u16le u24be u24le u32be u32le u8 usm
    v210 v210x vag vbn_pipe vc1 vc1test vidc vividas vivo vmd voc vpk vqf vvc w64 wady wav wavarc
    wc3movie webm webp_pipe wsaud wsd wsvqa wtv wv wve xa xbm_pipe xmd xmv xpm_pipe xvag xwd_pipe
    xwma yop yuv4mpegpipe
    """
)

#: Formats that open other files or addresses named in the file.
OPENERS = _names(
    """
    avisynth concat dash hls image2 imf mlv rtp rtsp sap sbg sdp svg_pipe vapoursynth vobsub
    webm_dash_manifest
    """
)

#: Devices and network. A file's content never selects them, and they are refused in any case.
DEVICES = _names(
    """
    alsa fbdev iec61883 jack kmsgrab lavfi libcdio libdc1394 msnwctcp openal oss pulse v4l2
    video4linux2 x11grab
    """
)

#: Text, subtitles and data: neither audio nor pictures.
TEXT = _names(
    """
    adf aqtitle ass bin data dvbsub dvbtxt ffmetadata idf jacosub lrc mca mcc microdvd mpl2 mpsub
    pjs rcwt realtext sami scc srt stl subviewer subviewer1 sup tedcaptions tty vplayer webvtt
    xbin
    """
)

#: The value of FFmpeg's option `format_whitelist`.
WHITELIST = ",".join(sorted(RECORDINGS))
